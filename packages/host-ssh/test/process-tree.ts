import { readFileSync, readdirSync } from 'node:fs';

import type { Command } from '@optio-ts/host-core';

/** Ways in which a process escapes from its parent. */
const kinds = 6;

/**
 * A command that starts a tree of at least 50 processes and says `ready`: plain children, sessions of their own, ones that
 * ignore TERM, ones that were forked twice, and all of that together.
 */
export function treeCommand(random: () => number): Command {
  const plan = Array.from({ length: 50 }, () => Math.floor(random() * kinds));
  return ['sh', '-c', script, 'sh', ...plan.map(String)];
}

const script = `
stubborn='trap "" TERM HUP INT; while :; do sleep 3; done'
for kind; do
  case $kind in
    0) sleep 3000 & ;;
    1) setsid sleep 3000 & ;;
    2) sh -c "$stubborn" & ;;
    3) ( sleep 3000 & ) ;;
    4) setsid sh -c "$stubborn" & ;;
    5) ( setsid sh -c "( $stubborn ) &" & ) ;;
  esac
done
echo ready
trap "" TERM
while :; do sleep 3; done
`;

/** Pids on this machine that have the text in their environment, zombies left out. */
export function processesWith(text: string): readonly number[] {
  const read = (pid: number, name: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1');
    } catch {
      // It ended meanwhile.
      return '';
    }
  };
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && read(pid, 'environ').includes(text) && !/\) [ZX]/.test(read(pid, 'stat')));
}
