"""What each class is taken for, and what it lost."""
