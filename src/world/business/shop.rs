//! A shop that does not exist, for `topologies/commerce`: carts, orders with the rows of its database, stock, sales and devices.
//!
//! Steps of an order come seconds apart. Some orders are left alone until they time out, some are cancelled, and now and then a step comes that
//! the order's state does not allow.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::agenda::{Agenda, Business, Happening, SECOND};
use crate::world::random::Random;

/// Products: name and price in cents; the article number is 1001 and so on.
const PRODUCTS: [(&str, u64); 16] = [
    ("enamel mug, blue", 1_290),
    ("linen towel", 1_850),
    ("oak chopping board", 3_400),
    ("brass hook", 690),
    ("wool blanket", 8_900),
    ("paper lantern", 1_150),
    ("ceramic bowl", 2_200),
    ("candle, beeswax", 990),
    ("tea tin", 1_400),
    ("garden shears", 2_750),
    ("seed box", 1_990),
    ("rain gauge", 1_650),
    ("wall clock", 4_900),
    ("desk lamp", 5_600),
    ("travel kettle", 3_950),
    ("picnic basket", 6_800),
];
/// Customers; the demo looks through the eyes of number 42, who buys most.
const CUSTOMERS: u64 = 200;
const REGULAR_CUSTOMER: u64 = 42;
const REGULAR_ONE_IN: u64 = 8;
/// Pieces that come with a delivery, and those that lie there when one comes at the latest.
const DELIVERY: u64 = 60;
const SPARE: u64 = 10;
/// Devices of the warehouse, each with a temperature, and the readings that one sends in a row.
const DEVICES: u64 = 6;
const READINGS: u64 = 20;
/// One reading in so many is far from the others.
const OUTLIER_ONE_IN: u64 = 300;

/// A row of the shop's table `orders`.
#[derive(Clone, Debug)]
struct OrderRow {
    id: u64,
    customer: u64,
    product: &'static str,
    units: u64,
    cents: u64,
    created: i64,
    status: &'static str,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shop {
    random: Random,
    next_id: u64,
    /// pieces of each product that nobody has reserved
    available: BTreeMap<usize, u64>,
    /// place of the last change in the log of the database
    log_position: u64,
}

impl Shop {
    /// A shop that has not opened.
    pub(super) fn new(seed: u64, first_id: u64) -> Self {
        Self { random: Random::new(seed), next_id: first_id, available: BTreeMap::new(), log_position: first_id * 1_000 }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn customer(&mut self) -> u64 {
        if self.random.one_in(REGULAR_ONE_IN) { REGULAR_CUSTOMER } else { 1 + self.random.below(CUSTOMERS) }
    }

    fn seconds(&mut self, least: i64, spread: u64) -> i64 {
        least * SECOND + self.random.below(spread * SECOND as u64) as i64
    }

    fn deliver(&mut self, agenda: &mut Agenda, at: i64, product: usize) {
        *self.available.entry(product).or_default() += DELIVERY;
        let sku = sku(product);
        let payload = format!("{{\"sku\":\"{sku}\",\"qty\":{DELIVERY}}}");
        agenda.plan(
            at,
            &Happening { topic: "commerce.inventory", event_type: "stock.received", aggregate: &sku, actor: 1, payload },
        );
    }

    /// A customer fills a cart over some minutes, and buys what is in it, or leaves.
    fn fill_cart(&mut self, agenda: &mut Agenda, at: i64) {
        let (cart, customer) = (self.id().to_string(), self.customer());
        let mut at = at;
        let mut products = Vec::new();
        let event =
            |event_type, payload| Happening { topic: "commerce.cart", event_type, aggregate: &cart, actor: customer, payload };
        for _ in 0..=self.random.below(3) {
            let (product, qty) = (self.random.index(PRODUCTS.len()), 1 + self.random.below(2));
            let payload = format!("{{\"sku\":\"{}\",\"qty\":{qty}}}", sku(product));
            agenda.plan(at, &event("cart.item_added", payload));
            products.push((product, qty));
            at += self.seconds(2, 40);
        }
        if self.random.one_in(4) {
            let payload = format!("{{\"sku\":\"{}\",\"qty\":1}}", sku(products[0].0));
            agenda.plan(at, &event("cart.item_removed", payload));
        } else if !self.random.one_in(3) {
            let order = self.id();
            agenda.plan(at, &event("cart.checked_out", format!("{{\"order_id\":\"{order}\"}}")));
            let card = format!("card-{customer}");
            self.order(agenda, at + SECOND / 10, (order, customer, &card), &products);
        }
    }

    /// An order with all of its steps.
    fn order(&mut self, agenda: &mut Agenda, at: i64, (id, customer, card): (u64, u64, &str), products: &[(usize, u64)]) {
        let mut lines = String::new();
        for &(product, qty) in products {
            let comma = if lines.is_empty() { "" } else { "," };
            let _ = write!(
                lines,
                "{comma}{{\"sku\":\"{}\",\"qty\":{qty},\"unit_price_cents\":{}}}",
                sku(product),
                PRODUCTS[product].1
            );
        }
        let mut row = OrderRow {
            id,
            customer,
            product: PRODUCTS[products[0].0].0,
            units: products.iter().map(|(_, qty)| qty).sum(),
            cents: products.iter().map(|&(product, qty)| qty * PRODUCTS[product].1).sum(),
            created: at,
            status: "PENDING",
        };
        let payload = format!("{{\"customer_id\":\"{customer}\",\"currency\":\"EUR\",\"card\":\"{card}\",\"lines\":[{lines}]}}");
        self.step(agenda, at, &mut row, ("order.created", None), payload);
        if self.random.one_in(10) {
            return;
        }
        let mut at = at + self.seconds(1, 20);
        self.step(agenda, at, &mut row, ("order.confirmed", Some("CONFIRMED")), "{}".into());
        if self.random.one_in(12) {
            at += self.seconds(5, 60);
            let payload = "{\"reason\":\"customer_request\"}".into();
            self.step(agenda, at, &mut row, ("order.cancelled", Some("CANCELLED")), payload);
            return;
        }
        self.move_stock(agenda, at, "stock.reserved", id, products);
        at += self.seconds(5, 40);
        self.step(agenda, at, &mut row, ("order.paid", Some("PAID")), "{}".into());
        if self.random.one_in(40) {
            self.step(agenda, at + SECOND, &mut row, ("order.paid", Some("PAID")), "{}".into());
        }
        at += self.seconds(10, 120);
        self.move_stock(agenda, at, "stock.shipped", id, products);
        self.step(agenda, at, &mut row, ("order.fulfilled", Some("FULFILLED")), "{}".into());
    }

    /// One step of an order: the event, and the change of the row a moment later. Without a status the row is new.
    fn step(
        &mut self,
        agenda: &mut Agenda,
        at: i64,
        row: &mut OrderRow,
        (event_type, status): (&str, Option<&'static str>),
        payload: String,
    ) {
        let (aggregate, customer) = (row.id.to_string(), row.customer);
        agenda.plan(at, &Happening { topic: "commerce.order", event_type, aggregate: &aggregate, actor: customer, payload });
        let before = status.map(|_| row.clone());
        row.status = status.unwrap_or(row.status);
        if before.as_ref().is_some_and(|before| before.status == row.status) {
            return;
        }
        self.log_position += 8;
        let line = change(before.as_ref(), row, at, self.log_position);
        agenda.plan_line(at + SECOND / 20, line);
    }

    /// Plans the work of the warehouse for an order; before something runs out, a delivery comes.
    fn move_stock(&mut self, agenda: &mut Agenda, at: i64, event_type: &str, order: u64, products: &[(usize, u64)]) {
        for (place, &(product, qty)) in products.iter().enumerate() {
            let at = at + 10 * place as i64;
            if event_type == "stock.reserved" {
                if self.available.get(&product).is_none_or(|available| *available < qty + SPARE) {
                    self.deliver(agenda, at - 1, product);
                }
                if let Some(available) = self.available.get_mut(&product) {
                    *available -= qty;
                }
            }
            let sku = sku(product);
            let payload = format!("{{\"order_id\":\"{order}\",\"sku\":\"{sku}\",\"qty\":{qty}}}");
            agenda.plan(at, &Happening { topic: "commerce.inventory", event_type, aggregate: &sku, actor: 1, payload });
        }
    }

    /// Somebody tries a stolen card.
    fn misuse_card(&mut self, agenda: &mut Agenda, at: i64) {
        let customer = self.customer();
        let card = format!("card-stolen-{}", self.id());
        for attempt in 0..5 {
            let order = self.id();
            let product = self.random.index(PRODUCTS.len());
            self.order(agenda, at + attempt * 20 * SECOND, (order, customer, &card), &[(product, 1)]);
        }
    }

    /// A sale that is announced, begins a little later, and ends by itself.
    fn announce_sale(&mut self, agenda: &mut Agenda, at: i64) {
        let product = self.random.index(PRODUCTS.len());
        let (starts, sku) = (at + self.seconds(5, 20), sku(product));
        let ends = starts + self.seconds(60, 240);
        let payload = format!(
            "{{\"price_cents\":{},\"starts_at\":\"{}\",\"ends_at\":\"{}\"}}",
            PRODUCTS[product].1 * 7 / 10,
            schemas::time::timestamp_text(starts),
            schemas::time::timestamp_text(ends)
        );
        agenda.plan(
            at,
            &Happening { topic: "commerce.product", event_type: "product.sale_scheduled", aggregate: &sku, actor: 1, payload },
        );
    }

    /// Some readings of one device in a row: they swing around its temperature.
    fn measure(&mut self, agenda: &mut Agenda, at: i64) {
        let number = 1 + self.random.below(DEVICES);
        let device = format!("dev-{number}");
        for reading in 0..READINGS {
            let mut tenths = 180 + 10 * number + 10 * (reading % 2) + self.random.below(4);
            if self.random.one_in(OUTLIER_ONE_IN) {
                tenths += 200;
            }
            let payload =
                format!("{{\"device_id\":\"{device}\",\"metric\":\"temperature\",\"value\":{}.{}}}", tenths / 10, tenths % 10);
            let at = at + reading as i64 * 2 * SECOND;
            agenda.plan(
                at,
                &Happening { topic: "commerce.telemetry", event_type: "device.reading", aggregate: &device, actor: 1, payload },
            );
        }
    }
}

impl Business for Shop {
    fn open(&mut self, agenda: &mut Agenda, at: i64) {
        for (product, (name, price)) in PRODUCTS.iter().enumerate() {
            let sku = sku(product);
            let payload = format!("{{\"name\":\"{name}\",\"price_cents\":{price},\"currency\":\"EUR\",\"reorder_below\":20}}");
            let event =
                Happening { topic: "commerce.product", event_type: "product.created", aggregate: &sku, actor: 1, payload };
            agenda.plan(at + product as i64, &event);
            self.deliver(agenda, at + product as i64, product);
        }
    }

    fn begin(&mut self, agenda: &mut Agenda, at: i64) {
        match self.random.below(60) {
            0..20 => self.measure(agenda, at),
            20 => self.misuse_card(agenda, at),
            21..23 => self.announce_sale(agenda, at),
            _ => self.fill_cart(agenda, at),
        }
    }
}

/// Article number of a product.
fn sku(product: usize) -> String {
    (1_001 + product).to_string()
}

/// A change of the table `orders` as Debezium tells it, as a line of its topic.
fn change(before: Option<&OrderRow>, after: &OrderRow, at: i64, log_position: u64) -> String {
    let op = if before.is_some() { "u" } else { "c" };
    let before = before.map_or_else(|| "null".to_owned(), row_text);
    let after = row_text(after);
    let millis = at.div_euclid(1_000);
    format!(
        "{{\"topic\":\"cdc.public.orders\",\"event\":{{\"before\":{before},\"after\":{after},\"source\":{{\"version\":\"2.3.4.Final\",\
         \"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":{millis},\"snapshot\":\"false\",\"db\":\"shop\",\"schema\":\"public\",\
         \"table\":\"orders\",\"lsn\":{log_position}}},\"op\":\"{op}\",\"ts_ms\":{millis},\"transaction\":null}}}}"
    )
}

fn row_text(row: &OrderRow) -> String {
    let OrderRow { id, customer, product, units, cents, created, status } = row;
    format!(
        "{{\"id\":{id},\"customer_id\":\"{customer}\",\"customer_name\":\"Customer {customer}\",\"product_name\":\"{product}\",\
         \"quantity\":{units},\"price\":{}.{:02},\"order_date\":{created},\"status\":\"{status}\"}}",
        cents / 100,
        cents % 100
    )
}
