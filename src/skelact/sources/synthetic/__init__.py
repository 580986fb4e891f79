"""Synthetic recordings in the raw format of NTU RGB+D: people, actions, cameras and a faulty sensor.

:func:`write_data_set` writes a folder of them; :func:`simulate` gives one recording with its truth.
"""

from skelact.sources.synthetic.actions import ACTION_NAMES
from skelact.sources.synthetic.data_set import write_data_set
from skelact.sources.synthetic.names import format_name, recording_name
from skelact.sources.synthetic.recording import SyntheticRecording, simulate

__all__ = [
    "ACTION_NAMES",
    "SyntheticRecording",
    "format_name",
    "recording_name",
    "simulate",
    "write_data_set",
]
