# Jupyter's server. $1: `notebook` or `lab`. $2: the port. $3: the variable that holds the token, if there is one.
# The token is never an argument: every user of a computer may read those of a program.

kind=$1
port=$2
eval "token=\${$3:-}"

set -- --ip 0.0.0.0 --port "$port" --no-browser
[ "$(id -u)" != 0 ] || set -- "$@" --allow-root
if [ -n "$token" ]; then
    export JUPYTER_TOKEN="$token"
else
    # By the names of its present and its earlier versions.
    set -- "$@" --IdentityProvider.token= --ServerApp.token= --ServerApp.password= --NotebookApp.token=
fi
cd "${ENVD_WORKDIR:-$HOME}" || exit 1
case $kind in
    lab) exec python3 -m jupyterlab "$@" ;;
    *) exec python3 -m notebook "$@" ;;
esac
