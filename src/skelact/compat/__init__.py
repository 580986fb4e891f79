"""Foreign parameter names live here and nowhere else."""

from skelact.compat.mamp_checkpoint import encoder_from_state_dict, pretrainer_from_state_dict

__all__ = ["encoder_from_state_dict", "pretrainer_from_state_dict"]
