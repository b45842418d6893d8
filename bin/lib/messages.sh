# shellcheck shell=bash
# Headings and notes of the scripts, on standard error: standard output belongs to the command that runs. Sourced,
# never run.

# No colours in a file or a pipe, and none if NO_COLOR (https://no-color.org) is set.
if [[ -t 2 && -z "${NO_COLOR:-}" && "${TERM:-dumb}" != dumb ]]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' red='' green='' yellow='' plain=''
fi

# say TEXT: prints a plain line.
say() { printf '%s\n' "$*" >&2; }

# heading TEXT: announces the next step.
heading() { printf '%s\n' "${bold}$*${plain}" >&2; }

# good TEXT, warn TEXT, bad TEXT: report a result.
good() { printf '%s\n' "${green}$*${plain}" >&2; }
warn() { printf '%s\n' "${yellow}$*${plain}" >&2; }
bad() { printf '%s\n' "${red}$*${plain}" >&2; }

# die TEXT: ends the script with exit code 2: wrong use, or something is missing. TEXT includes a hint.
die() {
    bad "${0##*/}: $*"
    exit 2
}

# usage FILE: prints the comment at the head of a script, which is its documentation, without the '#'.
usage() { sed -n '2,/^[^#]/ { /^#/ { s/^# \{0,1\}//; p; } }' "$1"; }
