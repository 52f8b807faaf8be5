"""Notebooks: the page of the local server in an output, and its objects in Python.

Other rooms use `sam_common.notebook.explorer`. It starts a server as any client does; anywidget is
imported when an explorer is made.
"""
