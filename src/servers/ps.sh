#!/bin/sh
# The processes of a guest, as far as they are told: `ps -p PID`, `ps -f -p PID`, `ps j PID`.
form=plain pid=
for word in "$@"; do
    case $word in
    -p) ;;
    -f | j) form=$word ;;
    *[!0-9]* | '') echo "ps: $word is not simulated" >&2 && exit 125 ;;
    *) pid=$word ;;
    esac
done
[ -n "$pid" ] || { echo "ps: a list of processes is not simulated" >&2 && exit 125; }
case $form in
-f) echo "UID PID PPID C STIME TTY TIME CMD" ;;
j) echo "PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND" ;;
*) echo "PID TTY TIME CMD" ;;
esac
read -r id name state parent group session rest 2>/dev/null <"/proc/$pid/stat" || exit 1
[ "$state" = Z ] && name="$name <defunct>"
case $form in
-f) echo "root $id $parent 0 00:00 ? 00:00:00 $name" ;;
j) echo "$parent $id $group $session ? -1 $state 0 0:00 $name" ;;
*) echo "$id ? 00:00:00 $name" ;;
esac
