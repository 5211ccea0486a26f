// One operation: a form of its parameters, the request that they make, and the answer.

import { element, write } from './dom.js';

/** Characters of an answer that are shown. */
const SHOWN_MAX = 256 * 1024;

/** What a reference of the document stands for. */
function resolved(part, components) {
  const path = part?.$ref?.match(/^#\/components\/([^/]+)\/(.+)$/);
  return path ? components[path[1]][path[2]] : part;
}

/** The page of an operation; `token` gives the token when it is wanted. */
export function operationPage(operation, components, token) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(parameter, components));
  const fields = parameters.map((parameter) => field(parameter, components));
  const body = operation.requestBody ? bodyField(operation.requestBody, components) : null;
  const line = element('code', {});
  const result = element('div', { class: 'result', 'aria-live': 'polite' });
  const stop = element('button', { type: 'button', class: 'quiet', hidden: true, click: () => running?.abort() }, 'Stop');
  const copy = element('button', { type: 'button', class: 'quiet', click: () => navigator.clipboard?.writeText(line.textContent) }, 'Copy');
  let running = null;
  const request = () => requestOf(operation, fields, body);
  const refresh = () => write(line, curlLine(request(), token()));
  const send = async (event) => {
    event.preventDefault();
    running?.abort();
    const mine = (running = new AbortController());
    stop.hidden = false;
    await answerTo(request(), token(), mine.signal, result);
    if (running === mine) stop.hidden = true;
  };
  const form = element(
    'form',
    { class: 'parameters', submit: send, input: refresh, autocomplete: 'off' },
    fields.map(({ view }) => view),
    body?.view,
    element('div', { class: 'actions' }, element('button', { type: 'submit', class: 'strong' }, 'Send'), stop),
  );
  refresh();
  const view = element(
    'article',
    {},
    element('h1', {}, operation.summary),
    element('p', { class: 'address' }, element('span', { class: `method ${operation.method}` }, operation.method), operation.path),
    element('p', { class: 'faint' }, needs(operation)),
    operation.description ? element('p', { class: 'about-operation' }, marked(operation.description)) : null,
    form,
    element('section', { class: 'sent', 'aria-label': 'Request and answer' }, element('div', { class: 'curl' }, line, copy), result),
    answersOf(operation, components),
  );
  return { view, release: () => running?.abort() };
}

/** Words in which `code` is marked. */
export function marked(words) {
  return words.split('`').map((part, at) => (at % 2 ? element('code', {}, part) : part));
}

/** Who may ask, in words. */
function needs({ security }) {
  const scopes = (security ?? []).flatMap((scheme) => scheme.bearer ?? []);
  if (!security?.length) return 'For everybody.';
  if (security.some((scheme) => !scheme.bearer)) return 'For everybody; a token may show more.';
  return scopes.length ? `Needs a token with the scope ${scopes.join(' or ')}.` : 'Needs a token.';
}

/** The statuses that may be answered. */
function answersOf({ responses }, components) {
  const rows = Object.entries(responses).map(([status, answer]) =>
    element('tr', {}, element('th', {}, status), element('td', {}, marked(resolved(answer, components).description))),
  );
  return element('details', { class: 'about' }, element('summary', {}, 'Answers'), element('table', { class: 'plain' }, element('tbody', {}, rows)));
}

/** A field for a parameter; `values` are its names and values, none when it is left out. */
function field(parameter, components) {
  const schema = resolved(parameter.schema, components);
  const items = resolved(schema.items, components);
  const id = `parameter-${parameter.in}-${parameter.name}`;
  if (items?.enum && parameter.explode === false) return choices(parameter, items.enum);
  const input = schema.enum ? chooser(id, schema.enum) : entryField(id, parameter, schema);
  if (parameter.required) input.required = true;
  const text = () => input.value;
  const named = () => {
    if (schema.type === 'object') return pairs(text(), parameter);
    return text() === '' ? [] : [[parameter.name, text()]];
  };
  const label = element('label', { for: id }, parameter.name, parameter.required ? ' *' : '');
  const words = element('small', { id: `${id}-words` }, marked(parameter.description ?? ''));
  input.setAttribute('aria-describedby', `${id}-words`);
  return { parameter, values: named, view: element('div', { class: 'parameter' }, label, input, words) };
}

function chooser(id, words) {
  return element('select', { id }, element('option', { value: '' }, ''), words.map((word) => element('option', {}, word)));
}

function entryField(id, parameter, schema) {
  const { type } = schema;
  if (type === 'integer') {
    return element('input', { id, type: 'number', step: 1, min: schema.minimum, max: schema.maximum, placeholder: schema.default });
  }
  const example = Array.isArray(parameter.example) ? parameter.example[0] : (parameter.example ?? '');
  const placeholder = type === 'object' ? 'column=eq.1&other=lt.5' : type === 'array' ? example || 'eq.…, gt.…, in.(…)' : example;
  return element('input', { id, type: 'text', spellcheck: 'false', placeholder });
}

/** Several words of which any may be chosen. */
function choices(parameter, words) {
  const boxes = words.map((word) => element('input', { type: 'checkbox', value: word }));
  const labels = boxes.map((box) => element('label', {}, box, box.value));
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const view = element(
    'fieldset',
    { class: 'parameter' },
    element('legend', {}, parameter.name),
    element('div', { class: 'choices' }, labels),
    element('small', {}, marked(parameter.description ?? '')),
  );
  return { parameter, values: () => (chosen().length ? [[parameter.name, chosen().join(',')]] : []), view };
}

/** The names and values of `a=1&b=2`; of a deep object `params[a]=1`. */
function pairs(text, parameter) {
  const deep = parameter.style === 'deepObject';
  return text
    .split('&')
    .filter((pair) => pair.includes('='))
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
    .map(([name, value]) => [deep ? `${parameter.name}[${name}]` : name, value]);
}

/** A field for the body, with a form of it to begin with. */
function bodyField({ content }, components) {
  const kinds = Object.keys(content);
  const kind = element('select', { id: 'body-kind' }, kinds.map((name) => element('option', {}, name)));
  const begin = () => (kind.value === 'application/json' ? JSON.stringify(sample(content[kind.value].schema, components), null, 2) : '');
  const text = element('textarea', { id: 'body-text', spellcheck: 'false' });
  text.value = begin();
  kind.addEventListener('change', () => (text.value = begin()));
  const view = element(
    'div',
    { class: 'parameter' },
    element('label', { for: 'body-kind' }, 'Body'),
    kind,
    element('label', { class: 'unseen', for: 'body-text' }, 'Text of the body'),
    text,
  );
  return { view, kind: () => kind.value, text: () => text.value };
}

/** A value of a schema. */
function sample(given, components) {
  const schema = resolved(given, components);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return sample(choices[0], components);
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object') {
    const names = schema.required ?? Object.keys(schema.properties ?? {});
    return Object.fromEntries(names.map((name) => [name, sample(schema.properties[name], components)]));
  }
  if (type === 'array') return schema.items ? [sample(schema.items, components)] : [];
  return { integer: 1, number: 1, boolean: false, null: null }[type] ?? '';
}

/** The request that the fields make. */
function requestOf({ method, path }, fields, body) {
  const query = new URLSearchParams();
  const headers = [];
  let address = path.replace(/^\//, '');
  for (const { parameter, values } of fields) {
    const found = values();
    if (parameter.in === 'path') address = address.replace(`{${parameter.name}}`, encodeURIComponent(found[0]?.[1] ?? ''));
    else if (parameter.in === 'query') found.forEach(([name, value]) => query.append(name, value));
    else found.forEach((pair) => headers.push(pair));
  }
  const url = new URL(address + (query.size ? `?${query}` : ''), document.baseURI).href;
  const text = body?.text() ?? '';
  // A server without keys takes no POST without a type: that is what a form of another site could send.
  if (method === 'post') headers.push(['Content-Type', body?.kind() ?? 'application/json']);
  return { method: method.toUpperCase(), url, headers, body: method === 'get' || text === '' ? undefined : text };
}

/** A word for a shell, whatever is in it. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The line that asks the same on a command line; the token stays out of it. */
function curlLine({ method, url, headers, body }, token) {
  const parts = ['curl -s'];
  if (method !== 'GET') parts.push(`-X ${method}`);
  if (token) parts.push('-H "Authorization: Bearer $TOKEN"');
  headers.forEach(([name, value]) => parts.push(`-H ${quoted(`${name}: ${value}`)}`));
  if (body !== undefined) parts.push(`--data-binary ${quoted(body)}`);
  return [...parts, quoted(url)].join(' ');
}

/** Sends a request, and shows its answer as it comes. */
async function answerTo({ method, url, headers, body }, token, signal, result) {
  result.replaceChildren(element('p', { class: 'faint' }, 'Waiting for the answer …'));
  const text = element('pre', { tabindex: 0, 'aria-label': 'Body' });
  try {
    const sent = new Headers(headers);
    if (token) sent.set('Authorization', `Bearer ${token}`);
    const response = await fetch(url, { method, headers: sent, body, signal, cache: 'no-store' });
    const status = element('p', { class: response.ok ? 'status' : 'status bad' }, `${response.status} ${response.statusText}`);
    result.replaceChildren(status, headersOf(response), text);
    await read(response, text);
  } catch (error) {
    const words = signal.aborted ? 'Stopped.' : `There was no answer: ${error.message}`;
    if (text.isConnected) text.after(element('p', { class: 'faint' }, words));
    else result.replaceChildren(element('p', { class: 'problem' }, words));
  }
}

function headersOf(response) {
  const rows = [...response.headers].map(([name, value]) => element('tr', {}, element('th', {}, name), element('td', {}, value)));
  return element('details', {}, element('summary', {}, 'Headers'), element('table', { class: 'plain' }, element('tbody', {}, rows)));
}

/** Writes a body as it comes; JSON in lines when it is whole. */
async function read(response, node) {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > SHOWN_MAX) {
      await reader.cancel();
      write(node, `${text.slice(0, SHOWN_MAX)}\n… the rest is not shown`);
      return;
    }
    write(node, text);
  }
  const isJson = /json$/.test((response.headers.get('content-type') ?? '').split(';')[0]);
  if (isJson) write(node, indented(text));
}

/** JSON in lines, digit by digit as it was sent: parsing would round whole numbers of 64 bits. */
export function indented(json) {
  const tokens = json.match(/"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s"{}[\],:]+/g) ?? [];
  let depth = 0;
  let text = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  tokens.forEach((token, at) => {
    const before = tokens[at - 1];
    if (token === '{' || token === '[') {
      text += token;
      depth += 1;
      if (!'}]'.includes(tokens[at + 1] ?? '')) text += line();
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      text += before === '{' || before === '[' ? token : line() + token;
    } else if (token === ',') {
      text += token + line();
    } else {
      text += token === ':' ? ': ' : token;
    }
  });
  return text;
}
