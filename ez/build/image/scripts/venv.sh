# Make /opt/venv with Python $1, which is there.

python=$(find_python)
make_venv
