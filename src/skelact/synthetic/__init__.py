"""Synthetic recordings in the raw format of NTU RGB+D: people, actions, cameras and a faulty sensor.

:func:`write_data_set` writes a folder of them; :func:`simulate` gives one recording with its truth.
"""

from skelact.synthetic.actions import ACTION_NAMES
from skelact.synthetic.data_set import write_data_set
from skelact.synthetic.recording import SyntheticRecording, format_name, recording_name, simulate

__all__ = [
    "ACTION_NAMES",
    "SyntheticRecording",
    "format_name",
    "recording_name",
    "simulate",
    "write_data_set",
]
