"""What sign-in offers through hooks: nothing, tokens and hasher are wired directly.

No hook specification asks for them, because a plugin that could replace them could let anybody in.
"""
