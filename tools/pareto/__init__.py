"""Energy against mIoU of one network converted in many ways: levels, steps, how much spikes are punished."""
