#!/bin/sh
# The command line of `conformance`: exit statuses and what is said, on good, bad and hostile files.
# usage: conformance_cli_test.sh CONFORMANCE
set -u
conformance=$PWD/$1
cd "${TEST_TMPDIR:-$(mktemp -d)}" || exit 1
failures=0

# expect STATUS TEXT KIND FILE: TEXT must occur in what is printed.
expect() {
  want=$1 text=$2
  shift 2
  "$conformance" "$@" >out 2>err
  status=$?
  if [ $status -ne "$want" ] || ! cat out err | grep -qF -- "$text"; then
    echo "conformance $*: status $status, want $want; expected to see: $text"
    cat out err
    failures=$((failures + 1))
  fi
}

good='{"id":"a","blocks":4,"radix":1,"ops":[["f",0,4,4,0],["a",1,2,0,2,2,2]]}'
wrong='{"id":"b","blocks":4,"radix":1,"ops":[["f",0,4,4,0],["a",1,2,0,2,2,3]]}'

expect 64 'usage: conformance KIND FILE'
expect 64 'freebsd-blist' no-such-kind file
expect 64 'usage' freebsd-blist
expect 0 'freebsd-blist' --help
expect 66 'cannot be read' freebsd-blist no-such-file
expect 66 'cannot be read' freebsd-blist .

printf '%s\n\n%s' "$good" "$good" >good
expect 0 '2 passed, 0 failed' freebsd-blist good

printf '%s\n%s\n' "$good" "$wrong" >wrong
expect 1 'b: row 1 ["a",1,2,0,2,2,3]: field 6: want 3, got 2' freebsd-blist wrong
expect 1 '1 passed, 1 failed' freebsd-blist wrong
[ "$(tail -n 1 out)" = '1 passed, 1 failed' ] || { echo "bad last line"; failures=$((failures + 1)); }

printf '%s\n{"id":\n' "$good" >cut
expect 65 'cut:2:' freebsd-blist cut
echo '[1,2]' >array
expect 65 'array:1: a vector is a JSON object' freebsd-blist array
: >empty
expect 65 'no vectors' freebsd-blist empty
head -c 100000 /dev/zero | tr '\0' '[' >deep
expect 65 'deep:1:' freebsd-blist deep
expect 65 'line is too long' freebsd-blist /dev/zero

# A vector of another shape, out of range, or that breaks an invariant, fails alone.
while read -r vector; do
  printf '%s\n%s\n' "$vector" "$good" >hostile
  expect 1 '1 passed, 1 failed' freebsd-blist hostile
done <<'END'
{}
{"id":7,"blocks":"x","radix":1,"ops":[]}
{"blocks":-1,"radix":1,"ops":[]}
{"blocks":1e300,"radix":1,"ops":[]}
{"blocks":18446744073709551615,"radix":1,"ops":[]}
{"blocks":4,"radix":1,"ops":[[]]}
{"blocks":4,"radix":1,"ops":[["z",1]]}
{"blocks":4,"radix":1,"ops":["a"]}
{"blocks":4,"radix":1,"ops":[["f",0,5,5,0]]}
{"blocks":4,"radix":1,"ops":[["f",0,4,4,0],["f",0,1,4,0]]}
{"blocks":4,"radix":1,"ops":[["a",0,0,0,0,0,0]]}
{"blocks":4,"radix":1,"ops":[["f",0,4,4]]}
{"blocks":4,"radix":1,"ops":[],"final":{"nranges":1,"largest":0,"free":[]}}
END

for kind in freebsd-bioq freebsd-pageout-thresholds freebsd-pidctrl freebsd-swap; do
  printf '{}\n{"id":"x","kind":"init","fn":1,"batchsize":1,"ops":[["x"]]}\n' >strange
  expect 1 '0 passed, 2 failed' "$kind" strange
done

[ $failures -eq 0 ] && echo "all good"
exit $failures
