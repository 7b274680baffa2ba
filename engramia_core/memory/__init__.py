"""Learning, recall, aging and feedback: the rules of the memory, and the protocols they need."""
