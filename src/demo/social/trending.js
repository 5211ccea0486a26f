// What is talked about now, in the last hour or the last day, in its order as that changes.

import { element, problemState, state, waiting } from './dom.js';
import { follow } from './live.js';
import { releaseCards } from './posts.js';
import { arrange } from './timeline.js';

const ROWS = 20;
const SPANS = [
  ['trending', 'Now', 'Likes, comments and shares, which count half as much every 6 hours.'],
  ['trending_last_hour', 'Last hour', 'Likes, comments and shares of the last hour.'],
  ['trending_last_day', 'Last day', 'Likes, comments and shares of the last day.'],
  ['popular_posts', 'Ever', 'Likes, comments and shares since the beginning.'],
];

/** The page as {title, view, release}; `query` says which span. */
export function trendingPage(query) {
  const [view, , words] = SPANS.find(([name]) => name === query.get('of')) ?? SPANS[0];
  const list = element('div', { class: 'posts' });
  const place = element('div', { class: 'place' }, waiting());
  const changed = (rows) => {
    const score = ({ score }) => Number(score);
    const order = (a, b) => score(b) - score(a) || (BigInt(a.post_id) < BigInt(b.post_id) ? 1 : -1);
    arrange(
      list,
      rows.sort(order).map(({ post_id: id }) => id),
    );
    place.replaceChildren(rows.length ? '' : state('Nothing yet', 'Nobody has liked, commented or shared a post in this time.'));
  };
  let end = () => {};
  const start = () => {
    const failed = (problem) => place.replaceChildren(problemState(problem, start));
    end = follow(view, { order: 'score.desc,post_id.desc', limit: ROWS }, ['post_id'], changed, failed);
  };
  start();
  const tabs = SPANS.map(([name, text]) =>
    element('a', { href: name === SPANS[0][0] ? '#/trending' : `#/trending?of=${name}`, 'aria-current': name === view ? 'true' : null }, text),
  );
  return {
    title: 'Trending',
    view: element(
      'section',
      {},
      element('header', { class: 'head' }, element('h1', {}, 'Trending'), element('p', { class: 'lead' }, words)),
      element('div', { class: 'tabs', role: 'group', 'aria-label': 'Time' }, tabs),
      place,
      list,
    ),
    release: () => (end(), releaseCards(list)),
  };
}
