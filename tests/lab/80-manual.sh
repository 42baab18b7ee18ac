#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the manual, the README, the examples and the completion say, against the programs themselves. Prints TAP.
#   tests/lab/80-manual.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0 failed=0

# result NAME TEXT: TEXT is what is wrong; none is good.
result()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		failed=$((failed + 1))
		echo "not ok $number - $1"
		while IFS= read -r line; do echo "# $line"; done <<<"$2"
	fi
}

# The options that a program's --help has at the start of a line, and those that its page has; one a line.
options_said() { "$1" --help | sed -n 's/^  \{1,8\}\(-.*\)/\1/p' | sed 's/  .*//' | grep -oE -- '(^| |,)--?[a-z][a-z-]*' | tr -d ' ,'; }
options_in() { sed -n 's/^\.It \(Fl .*\)/\1/p' "$1" | grep -oE 'Fl [a-z-]+' | sed 's/Fl /-/'; }
for program in finderscope-controller.8 finderscope-agent.8; do
	result "options of ${program%.*} and its page" "$(diff <(options_said "$build/${program%.*}" | sort -u) \
	    <(options_in "packaging/man/$program" | sort -u))"
done

# Indented lines of the README that are settings, and the examples of the page, as files.
settings_of() { sed -n '/^\.Bd -literal/,/^\.Ed/{/^\.[BE]d/d;p}' packaging/man/finderscope.conf.5; }
key=$("$build/finderscopectl" genkey "$work/key")
grep -E '^    (locals|feed|analyser|policy) ' README.md >"$work/controller.conf"
grep -E '^    controller(_key)? ' README.md | sed "s|{.*}|{\"$key\"}|" >"$work/agent.conf"
settings_of | grep -E '^(locals|feed|analyser|policy) ' >"$work/controller-page.conf"
settings_of | grep -E '^controller' >"$work/agent-page.conf"
# good PROGRAM FILE: what -n says when it says no
good() { if [ -s "$2" ]; then "$build/$1" -c "$2" -n >"$work/said" 2>&1 || cat "$work/said"; else echo "$2 is empty"; fi; }
result "the README's controller.conf" "$(good finderscope-controller "$work/controller.conf")"
result "the README's agent.conf" "$(good finderscope-agent "$work/agent.conf")"
result "the manual's controller.conf" "$(good finderscope-controller "$work/controller-page.conf")"
result "the manual's agent.conf" "$(good finderscope-agent "$work/agent-page.conf")"
for example in packaging/examples/controller.conf packaging/examples/*/controller.conf; do
	[ ! -e "$example" ] || result "$example" "$(good finderscope-controller "$example")"
done
for example in packaging/examples/agent.conf packaging/examples/*/agent*.conf; do
	[ ! -e "$example" ] || result "$example" "$(good finderscope-agent "$example")"
done
# Each commented setting of the two files, one at a time, behind what stands there uncommented.
commented()
{
	local file=$1 program=$2 line
	grep -nE '^#[a-z_0-9]+ = ' "$file" | while IFS=: read -r at line; do
		sed "${at}s/^#//" "$file" >"$work/one.conf"
		"$build/$program" -c "$work/one.conf" -n >"$work/said" 2>&1 || cat "$work/said"
	done
}
result "commented settings of controller.conf" "$(commented packaging/examples/controller.conf finderscope-controller)"
# A whole section that is commented out.
sed '/^#switch /,/^#}/s/^#//' packaging/examples/controller.conf >"$work/switch.conf"
result "the commented switch of controller.conf" "$(good finderscope-controller "$work/switch.conf"
    grep -q '^switch' "$work/switch.conf" || echo "there is none")"
result "commented settings of agent.conf" "$(commented packaging/examples/agent.conf finderscope-agent)"

# Words of the README's commands, as far as finderscopectl judges them without a controller.
commands=$(grep -oE '(^ {4}|`)finderscopectl [^`#]*' README.md | sed 's/^[ `]*finderscopectl //; s/ *$//' |
    grep -vE '^(genkey|pubkey|completion)|FILE' | sort -u)
said=$(while IFS= read -r words; do
	# shellcheck disable=SC2086 # words
	"$build/finderscopectl" --socket "$work/none" $words >"$work/said" 2>&1
	[ $? -eq 3 ] || { echo "finderscopectl $words"; cat "$work/said"; }
done <<<"$commands")
result "the README's $(wc -l <<<"$commands") finderscopectl lines" "$said"
result "files that the README names" "$(grep -oE '`(tests|packaging|proto|common)/[a-zA-Z0-9_./-]*`' README.md | tr -d '\`' |
    while read -r file; do [ -e "$file" ] || echo "$file"; done)"

# What a shell offers behind some words.
bash_offers()
{
	bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _finderscopectl "$1" "${!#}"; echo "${COMPREPLY[*]}"' \
	    bash "$work/completion" "$@"
}
offers()
{
	local want=$1 got
	shift
	got=$(bash_offers "$@" 2>&1)
	case " $got " in *" $want "*) ;; *) echo "behind \"$*\" there is no \"$want\", but: $got" ;; esac
}
for shell in bash zsh; do
	case $shell in bash) file=packaging/completion/finderscopectl ;; *) file=packaging/completion/_finderscopectl ;; esac
	"$build/finderscopectl" completion $shell >"$work/made"
	result "$file is what finderscopectl completion $shell prints" "$(diff "$file" "$work/made")"
done
cp packaging/completion/finderscopectl "$work/completion"
result "bash completes commands" "$(offers captures finderscopectl ca; offers agents finderscopectl '')"
result "bash completes second words" "$(offers start finderscopectl capture ''; offers accept finderscopectl agents a)"
result "bash completes options" "$(offers --dry-run finderscopectl capture start host 10.1.0.2 --; offers --all finderscopectl captures -;
    offers --json finderscopectl feeds --; offers edge finderscopectl capture start host 10.1.0.2 --on '')"
result "bash offers no option that a command does not take" \
    "$(case " $(bash_offers finderscopectl status --) " in *' --dry-run '*) echo "status has --dry-run" ;; esac)"
if command -v zsh >/dev/null; then
	# A terminal, an interactive shell in it, the keys of a person: Tab completes, at the first time already.
	cat >"$work/press" <<-'END'
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "PS1='ready> '; fpath=(${(q)1} \$fpath); autoload -U compinit; compinit -u -D; echo beg''un"
		said=
		want() {
			local end=$((SECONDS + 30)) part
			while [[ $said != *$1* ]]; do
				((SECONDS < end)) || { print -r -- "no \"$1\" in: $said"; exit 1; }
				zpty -r -t shell part && said+=$part || sleep 0.05
			done
		}
		want begun
		said=
		zpty -w -n shell $'finderscopectl captur\t'
		want 'finderscopectl capture'
		zpty -w -n shell $'\C-ufinderscopectl capture sto\t'
		want 'capture stop '
		zpty -w -n shell $'\C-ufinderscopectl captures --al\t'
		want 'captures --all '
	END
	result "zsh completes" "$(TERM=dumb zsh -f "$work/press" "$PWD/packaging/completion" 2>&1)"
else
	number=$((number + 1))
	echo "ok $number - zsh completes # SKIP zsh is not here"
fi
echo "1..$number"
[ $failed -eq 0 ]
