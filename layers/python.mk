# The Python that layers are compiled by: that of the functions, since byte code is for one version only.
#
# `sam build` copies a layer's folder before it builds there, so each has a link to this file. It runs make with its own environment,
# and tells nothing of the template's parameters: WAYBILL_RUNTIME is given beside the parameter Runtime, with the same value. The
# default is the template's. WAYBILL_PYTHON names an interpreter that is not found by itself.
WAYBILL_RUNTIME ?= python3.13
WAYBILL_PYTHON ?=

VERSION := $(patsubst python%,%,$(WAYBILL_RUNTIME))

# Sets the shell's variable `python`. A bare pythonX.Y on PATH may be pyenv's shim of a version that is not switched on, so each
# candidate has to run.
define FIND_PYTHON
python=; \
for candidate in "$(WAYBILL_PYTHON)" python$(VERSION) python3 python "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(VERSION)*/bin/python; do \
	if "$$candidate" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' >/dev/null 2>&1; then \
		python=$$candidate; break; \
	fi; \
done; \
if test -z "$$python"; then \
	echo "The layer is compiled by Python $(VERSION), the version of the functions, and none was found." \
		"Install it (for instance: pyenv install $(VERSION)), or name one in WAYBILL_PYTHON," \
		"or build in a container (sam build --use-container --mount-symlinks)," \
		"or choose another version for the functions in WAYBILL_RUNTIME and the parameter Runtime." >&2; exit 2; \
fi
endef

# What is compiled names its place at Lambda, and is never held against its source again: a layer is read-only there.
COMPILE = "$$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p /opt "$(ARTIFACTS_DIR)/python"
