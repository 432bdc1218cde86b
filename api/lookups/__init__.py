"""Where a place is and who is responsible: questions read, answers written, alone and in streams."""
