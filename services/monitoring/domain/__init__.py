"""The rules of monitoring, pure: readings, windows, verdicts, episodes, silence.

Windows are named by their start in epoch seconds (Shanghai's offset is whole hours): the hot path counts, it does not
make dates. `windows.py` turns them into instants.
"""
