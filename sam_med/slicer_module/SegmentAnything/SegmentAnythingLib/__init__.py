"""What the module Segment Anything is made of.

`volumes` and `prompts` read the scene, `segments` writes into it, `work` holds both together with a
session on the local server, `environment` finds that server, `steps` runs requests beside the
window, `panel`, `chooser`, `button` and `installing` are the window. `editor` and `rubber_band` are
for the effect of Segment Editor, and `moments` follows its Undo.
"""
