import { judgeClocks } from '../../issuance/judge-clocks.ts';
import type { ClockVerdict } from '../../issuance/judge-clocks.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';

/** What both clocks say now; asked for wherever something is to be forgotten. */
export function readClocks({ now, client }: Pick<ReconcilerContext, 'now' | 'client'>): ClockVerdict {
  return judgeClocks(now(), client.serverTime());
}
