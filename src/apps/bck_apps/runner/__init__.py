"""Runner: takes jobs from the queue and carries them out."""
