"""Shares: files that are somewhere else, seen at one path in an environment.

`model.py` says what there is, `chosen.py` which of them an environment has, `binds.py` what its container gets of them,
`mounting.py` what its computer does for them, `home.py` and `sftp.py` how a folder of this computer gets there,
`here.py` how a share is opened on this computer.
"""
