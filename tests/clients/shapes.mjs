// ElectricSQL's client against a server: readers follow one shape. A line with its rows as JSON is printed whenever all of them have the same
// rows and these are others than before; one with null is a sign of life. Arguments: the address, the parameters of the shape as JSON, the number of readers.
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.CLIENT_MODULES}/`);
const { Shape, ShapeStream } = require('@electric-sql/client');

const [address, params, readers] = process.argv.slice(2);
const count = Number(readers);
const number = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
const texts = new Array(count).fill(null);
const holders = new Map();
let printed = null;

function take(reader, rows) {
  const text = JSON.stringify([...rows].sort((left, right) => Number(left.post_id - right.post_id)), number);
  const before = texts[reader];
  if (before !== null) holders.set(before, holders.get(before) - 1);
  if (holders.get(before) === 0) holders.delete(before);
  texts[reader] = text;
  holders.set(text, (holders.get(text) ?? 0) + 1);
  if (holders.get(text) === count && text !== printed) {
    printed = text;
    console.log(text);
  }
}

// Whoever waits for a line learns that many readers take their time.
setInterval(() => console.log('null'), 10_000);

for (let reader = 0; reader < count; reader += 1) {
  const stream = new ShapeStream({
    url: `${address}/v1/shape`,
    params: JSON.parse(params),
    warnOnHttp: false,
    // A server that starts again is found soon.
    backoffOptions: { initialDelay: 50, maxDelay: 200, multiplier: 1.5 },
    onError: (error) => {
      console.error(`reader ${reader}: ${error.stack}`);
      process.exit(1);
    },
  });
  new Shape(stream).subscribe(({ rows }) => take(reader, rows));
}
