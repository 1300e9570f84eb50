"""The gate: forced command of the backup account on a PC. Standard library and the core, nothing else."""
