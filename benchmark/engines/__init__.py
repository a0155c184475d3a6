"""One evaluation by several processes: of this machine, one a device, or of a Ray cluster.

Imports evaluation and everything below.
"""
