import { matchesPatternList } from '../patterns.ts';
import { configFailed, configUnsupported } from './config-errors.ts';
import type { ConfigLine } from './parse-config.ts';

/** What a Match line can ask about. */
export interface MatchFacts {
  /** Whether this is the second reading, which `final` asks for. */
  readonly isFinal: boolean;
  readonly host: string;
  readonly originalHost: string;
  readonly user: string;
  readonly localUser: string;
}

/** Judges a Match line. Throws for criteria that cannot be judged: that such a section counts, or not, cannot be guessed. */
export function matchesCriteria(
  line: ConfigLine,
  facts: MatchFacts,
): { readonly isMatch: boolean; readonly wantsFinalPass: boolean } {
  let isMatch = true;
  let wantsFinalPass = false;
  const words = line.args.flatMap(splitAssignment);
  const isAlone = words.every((word) => /^!?(?:all|canonical|final)$/i.test(word));
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const isNegated = word.startsWith('!');
    const criterion = word.slice(isNegated ? 1 : 0).toLowerCase();
    let holds: boolean;
    if (criterion === 'all') {
      if (!isAlone || isNegated) throw configFailed(`${line.where}: Match all goes with no other criterion`);
      holds = true;
    } else if (criterion === 'canonical' || criterion === 'final') {
      if (criterion === 'final') wantsFinalPass = true;
      holds = facts.isFinal;
    } else {
      at += 1;
      const value = words[at];
      if (value === undefined) throw configFailed(`${line.where}: ${criterion} of Match needs a value`);
      // What does not count anyway needs no answer.
      if (!isMatch && unanswerable.has(criterion)) continue;
      holds = holdsFor(criterion, value, line, facts);
    }
    if (holds === isNegated) isMatch = false;
  }
  return { isMatch, wantsFinalPass };
}

const unanswerable = new Set(['exec', 'localnetwork', 'tagged', 'command', 'sessiontype', 'version']);

function holdsFor(criterion: string, value: string, line: ConfigLine, facts: MatchFacts): boolean {
  // Unlike those of a Host line, names of hosts are compared in any case; names of users as they are.
  const hostPatterns = value.toLowerCase().split(',');
  switch (criterion) {
    case 'host':
      return matchesPatternList(hostPatterns, facts.host.toLowerCase());
    case 'originalhost':
      return matchesPatternList(hostPatterns, facts.originalHost.toLowerCase());
    case 'user':
      return matchesPatternList(value.split(','), facts.user);
    case 'localuser':
      return matchesPatternList(value.split(','), facts.localUser);
    default:
      if (!unanswerable.has(criterion)) throw configFailed(`${line.where}: Match knows no ${criterion}`);
      throw configUnsupported(
        `${line.where}: Match ${criterion} needs an ssh on this machine: install OpenSSH’s client`,
      );
  }
}

/** `host=a` is `host a`. */
function splitAssignment(word: string): readonly string[] {
  const match = /^(?<name>!?[a-z]+)=(?<value>.+)$/is.exec(word);
  return match?.groups === undefined ? [word] : [match.groups['name'] ?? '', match.groups['value'] ?? ''];
}
