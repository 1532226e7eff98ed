# shellcheck shell=bash
# What every script of the house starts with: the repository's root, headings
# with times, clear failures, and pinned tools built on demand into bin/tools.
# Sourced, never run:  source "$(dirname "$0")/lib.sh"

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly TOOLS=$ROOT/bin/tools
cd "$ROOT"

# One set of flags for every build, so that checks, tools and images share one
# build cache: no C compiler, no folder names of this machine, no state of git.
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'

# usage prints the comment block at the top of the calling script and ends it,
# when the first argument asks for help.
usage() {
	case ${1:-} in
	-h | --help | help)
		awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
		exit 0
		;;
	esac
}

# heading starts a section of the output and states the time since the start.
heading() { printf '\n== %s [%dm%02ds]\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# BUILD_TAGS are for programs that people run: grpcnotrace leaves out a page of
# gRPC that nobody serves, and with it what keeps the linker from leaving out a
# quarter of each program.
# shellcheck disable=SC2034 # used by those who source this file
readonly BUILD_TAGS=grpcnotrace

# note prints one line for the person who reads the output.
note() { printf '   %s\n' "$*"; }

# die ends the script with a sentence that says what to do.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need fails unless a program is installed.  need npm "it fetches …"
need() {
	command -v "$1" >/dev/null 2>&1 || die "the program '$1' is needed ($2) and is not installed."
}

# modules prints the folders of the workspace's modules, one per line: go.work
# is the only list of them.
modules() {
	local -a all
	mapfile -t all < <(go list -m -f '{{.Dir}}')
	printf '%s\n' "${all[@]#"$ROOT"/}"
}

# identity_provider installs the identity provider that sign-ins are tested
# against into bin/tools/idp, unless it is there, where there are node and npm.
identity_provider() {
	local dir=$TOOLS/idp want
	if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
		note 'no node and npm: the tests of signing in at a real identity provider are skipped'
		return 0
	fi
	want="$(node --version) $(cat scripts/tools/idp/package-lock.json scripts/tools/idp/provider.mjs | sha256sum)"
	[[ ! -f $dir/.stamp || $(<"$dir/.stamp") != "$want" ]] || return 0
	note 'installing the identity provider of the tests'
	mkdir -p "$dir"
	cp scripts/tools/idp/{package.json,package-lock.json,.npmrc,provider.mjs} "$dir/"
	if ! (cd "$dir" && npm ci --no-audit --no-fund --loglevel=error >/dev/null); then
		note 'npm could not install it: the tests of signing in at a real identity provider are skipped'
		rm -rf "$dir/node_modules"
		return 0
	fi
	printf '%s' "$want" >"$dir/.stamp"
}

# tools builds every tool of the named modules of scripts/tools into bin/tools,
# unless the same sources were built by the same Go before.  tools buf plugins
tools() {
	local name stamp want
	mkdir -p "$TOOLS"
	for name in "$@"; do
		stamp=$TOOLS/.$name.stamp
		want="$(go version) $(cat "scripts/tools/$name/go.mod" "scripts/tools/$name/go.sum" | sha256sum)"
		if [[ -f $stamp && $(<"$stamp") == "$want" ]]; then
			continue
		fi
		note "building tool $name (first use; takes from seconds to minutes)"
		(
			cd "scripts/tools/$name"
			GOWORK=off go build -ldflags '-s -w' -o "$TOOLS/" tool
		)
		# The module of the compose plugin calls its program "cmd".
		[[ $name != compose ]] || mv "$TOOLS/cmd" "$TOOLS/docker-compose"
		printf '%s' "$want" >"$stamp"
	done
}
