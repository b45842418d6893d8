# shellcheck shell=bash
# What the scripts tell people: headings and notes on standard error, so that standard output stays
# the output of the command that was run. Sourced, never run.

# Colours are for eyes only: none in a file or a pipe, none where NO_COLOR (https://no-color.org) is set.
if [[ -t 2 && -z "${NO_COLOR:-}" && "${TERM:-dumb}" != dumb ]]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' red='' green='' yellow='' plain=''
fi

# say TEXT: a plain line.
say() { printf '%s\n' "$*" >&2; }

# heading TEXT: what happens next.
heading() { printf '%s\n' "${bold}$*${plain}" >&2; }

# good TEXT, warn TEXT, bad TEXT: how it went.
good() { printf '%s\n' "${green}$*${plain}" >&2; }
warn() { printf '%s\n' "${yellow}$*${plain}" >&2; }
bad() { printf '%s\n' "${red}$*${plain}" >&2; }

# die TEXT: wrong use, or something is missing; the text names the mend. Exit code 2, as session-admin's.
die() {
    bad "${0##*/}: $*"
    exit 2
}

# usage FILE: the comment at the head of a script is its documentation; print it without the '#'.
usage() { sed -n '2,/^[^#]/ { /^#/ { s/^# \{0,1\}//; p; } }' "$1"; }
