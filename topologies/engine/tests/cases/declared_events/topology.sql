-- A company of its own: auctions and the bids for them, as its services write them, without an envelope.

CREATE SOURCE auctions (
  "auctionId" BIGINT NOT NULL,
  seller UUID,
  title TEXT NOT NULL,
  reserve NUMERIC(18,2),
  tags TEXT[],
  closes DATE,
  "openedAt" TIMESTAMPTZ
) WITH (connector = 'log', topic = 'auctions', event_time = 'openedAt') FORMAT PLAIN ENCODE JSON;

CREATE SOURCE bids (
  auction BIGINT NOT NULL,
  bidder BIGINT NOT NULL,
  price NUMERIC(18,2) NOT NULL,
  at TIMESTAMPTZ,
  automatic BOOLEAN,
  extra JSONB
) WITH (connector = 'log', topic = 'bids', partitions = 3, event_time = 'at') FORMAT PLAIN ENCODE JSON
  DEDUPLICATE BY (auction, bidder, at) WITHIN INTERVAL '1 day';

-- Every click counts, also one that is sent twice.
CREATE SOURCE clicks (auction BIGINT, channel TEXT, bytes BYTEA, share DOUBLE PRECISION, shown TIMESTAMP, ids SMALLINT[])
  WITH (connector = 'log', topic = 'clicks') FORMAT PLAIN ENCODE JSON;

CREATE TABLE open_auctions (auction BIGINT PRIMARY KEY, title TEXT, reserve NUMERIC(18,2), tags TEXT[], closes DATE, seller TEXT);
MERGE INTO open_auctions a USING auctions e ON a.auction = e."auctionId"
  WHEN MATCHED THEN UPDATE SET title = e.title, reserve = e.reserve
  WHEN NOT MATCHED THEN INSERT VALUES (e."auctionId", e.title, e.reserve, e.tags, e.closes, e.seller);

CREATE MATERIALIZED VIEW highest_bids AS
  SELECT auction, max(price) AS price, count(*) AS bids, count(extra) AS with_extra FROM bids GROUP BY auction;

CREATE MATERIALIZED VIEW bids_per_minute AS
  SELECT window_start, count(*) AS bids, CAST(sum(price) AS NUMERIC(18,2)) AS amount FROM TUMBLE(bids, at, INTERVAL '1 minute') GROUP BY window_start;
