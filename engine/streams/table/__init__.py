"""Tables of numbers in CSV or npz files, as a sequence of tasks."""
