"""The functions that the package offers, in Python as ``skelact.NAME`` and on the command line."""
