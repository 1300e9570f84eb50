"""Transports that use the rsync program: over OpenSSH (``rsync-ssh``) and on this machine (``local``)."""
