#!/bin/sh
# The main job from end to end, in a directory of its own: make demo
set -eu
cd "$(dirname "$0")/../.."

if ! command -v engramia >/dev/null; then
    echo "error: there is no engramia on PATH" >&2
    echo "hint: make demo" >&2
    exit 1
fi

# Only the memory of the demo is meant, whatever is set on this machine.
unset ENGRAMIA_STORAGE ENGRAMIA_EMBEDDINGS ENGRAMIA_TENANT ENGRAMIA_PROJECT
export ENGRAMIA_CONFIG=/dev/null
place=$(mktemp -d "${TMPDIR:-/tmp}/engramia-demo.XXXXXX")
export ENGRAMIA_DATA_PATH="$place/memory"

# A title over what comes next.
title() {
    printf '\n# %s\n' "$1"
}

# The command, as one would type it.
show() {
    printf '$ engramia'
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./=-]*) printf ' "%s"' "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
}

run() {
    show "$@"
    engramia "$@"
}

# Of each match the heading, the facts and the first lines of code.
beginning() {
    awk '/^[^ ]/ { line = 0 } { line++ } line <= 8 { print } line == 9 { print "      ..." }'
}

echo "The memory of this demo: $ENGRAMIA_DATA_PATH"

title "Learn 64 patterns: a task, the code that did it, how well it worked."
run init
run learn --batch docs/demo/patterns.ndjson

title "Recall them for tasks in other words."
while IFS= read -r query; do
    show recall "$query" --limit 2
    answer=$(engramia recall "$query" --limit 2)
    printf '%s\n' "$answer" | beginning
    echo
    asked=$query
done <docs/demo/queries.txt

title "Say how the last one turned out. All that was ever observed of it decides its quality."
key=$(engramia recall "$asked" --limit 1 --output json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["matches"][0]["pattern"]["key"])')
run refine "$key" --score 6 --feedback "suggests nothing for a word of one letter"
run patterns history "$key"

title "An attempt that failed fades at once. Aging would forget it, and can bring it back."
echo "raise NotImplementedError" >"$place/attempt.py"
run learn "Draw a chart of the disk usage" --code "$place/attempt.py" --score 0
run aging --plan

title "Take the memory along."
run export --file "$place/memory.ndjson"
run status

cat <<END

Next, in this shell:

  . .venv/bin/activate
  export ENGRAMIA_DATA_PATH=$ENGRAMIA_DATA_PATH
  engramia recall "Call a flaky API" --explain
  engramia patterns show $key
  engramia --help

The tutorial is docs/tutorial.md. To throw the demo away: rm -r $place
END
