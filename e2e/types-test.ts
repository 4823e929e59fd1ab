// Compiled, never run: the snippet's types say what they should.
import { start, type Entry, type Result } from '../static/snippet/frontdesk';

const desk = start({ url: 'https://desk.example', key: 'pk_1' });
const result: Promise<Result> = desk.add({ plan: 'pro' }, { uid: '12345678' });
const mine: Promise<Entry<{ plan: string }>[]> = desk.mine<{ plan: string }>('plan=pro');
desk.on('sent', ({ uid, id, status }) => [uid.length, id, status === 'stored']);
desk.on('retry', (wait) => wait.in.toFixed());
// @ts-expect-error an entry is an object
desk.add('text');
// @ts-expect-error there is no such event
desk.on('gone', () => {});
export { mine, result };
