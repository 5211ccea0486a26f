//! A Chromium without a window, driven through chromedriver with plain HTTP (WebDriver).
//!
//! Owns the browser. Addresses, clicks and scripts enter; what the page shows, logs and asks of the network leaves.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;

use crate::process::{PATIENCE, Process, eventually};

/// Key of a found element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const HEIGHT: u32 = 844;
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A browser that is closed with the test.
pub struct Browser {
    agent: Agent,
    /// the address of the session
    session: String,
    _driver: Process,
}

impl Browser {
    /// Starts one. It needs the programs `chromium` and `chromedriver` (in Debian: chromium and chromium-driver).
    pub fn start() -> Self {
        let driver = Process::spawn(Command::new("chromedriver").arg("--port=0"));
        let port = loop {
            let line = driver.line().unwrap_or_else(|| panic!("chromedriver ended before it had a port"));
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        let timeout = Some(PATIENCE + Duration::from_secs(10));
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build().new_agent();
        let mut browser = Self { agent, session: format!("http://127.0.0.1:{port}/session"), _driver: driver };
        // Without a sandbox of its own, which needs rights that containers do not give: it only ever sees the page of this program.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
        let started = browser.post(
            "",
            &json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } }),
        );
        let id = started["sessionId"].as_str().unwrap_or_else(|| panic!("chromium did not start: {started}"));
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Goes to an address.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page; what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script until what it returns is as wanted.
    pub fn until(&self, what: &str, script: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let mut look = || {
            last = self.run(script);
            wanted(&last).then(|| last.clone())
        };
        eventually(&format!("{what}: {script}"), &mut look)
    }

    /// The text of an element, once it holds some.
    pub fn text_with(&self, selector: &str, part: &str) -> String {
        let script = format!(
            "const node = document.querySelector({}); return node?.checkVisibility() ? node.textContent : ''",
            json!(selector)
        );
        let found = self
            .until(&format!("'{part}' in '{selector}'"), &script, |text| text.as_str().is_some_and(|text| text.contains(part)));
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks as a hand does: the element must be there and not covered.
    pub fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    /// Types into a field.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({ "text": text }));
    }

    /// Does something with an element. A page that is live may draw it anew after it was found: then it is found again.
    fn act(&self, selector: &str, action: &str, body: &Value) {
        eventually(&format!("{action} of '{selector}'"), || {
            let path = format!("/element/{}/{action}", self.element(selector));
            let (status, text) = self.answer(&path, body);
            let is_gone = status == 404 && text.contains("stale element reference");
            assert!(status == 200 || is_gone, "{path} {body}: {status} {text}");
            (!is_gone).then_some(())
        });
    }

    fn element(&self, selector: &str) -> String {
        eventually(&format!("an element '{selector}'"), || {
            let found = self.post("/elements", &json!({ "using": "css selector", "value": selector }));
            found[0][ELEMENT].as_str().map(str::to_owned)
        })
    }

    /// Makes the window so wide, as a phone or a screen.
    pub fn resize(&self, width: u32) {
        let mobile = width < 600;
        let metrics = json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Prefers `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Takes a picture of the window, in the PNG format.
    pub fn screenshot(&self) -> Vec<u8> {
        let mut response = self.agent.get(format!("{}/screenshot", self.session)).call().unwrap();
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        STANDARD.decode(answer["value"].as_str().unwrap_or_else(|| panic!("no picture: {text}"))).unwrap()
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// Returns the complaints of the page or the browser since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser");
        let is_bad = |entry: &&Value| matches!(entry["level"].as_str(), Some("WARNING" | "SEVERE"));
        entries.iter().filter(is_bad).map(|entry| entry["message"].to_string()).collect()
    }

    /// The addresses that the page asked the network for since the last call.
    pub fn requests(&self) -> Vec<String> {
        let message = |entry: &Value| serde_json::from_str::<Value>(entry["message"].as_str()?).ok();
        let address = |message: Value| {
            let event = &message["message"];
            (event["method"] == "Network.requestWillBeSent")
                .then(|| event["params"]["request"]["url"].as_str().map(str::to_owned))?
        };
        self.log("performance").iter().filter_map(message).filter_map(address).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.post("/se/log", &json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }

    /// The status and the text of an answer.
    fn answer(&self, path: &str, body: &Value) -> (u16, String) {
        let url = format!("{}{path}", self.session);
        let request = self.agent.post(&url).header("content-type", "application/json");
        let mut response = request.send(body.to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap();
        (response.status().as_u16(), text)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.answer(path, body);
        assert_eq!(status, 200, "{path} {body}: {text}");
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser; chromedriver itself ends with its process.
        let _ = self.agent.delete(&self.session).call();
    }
}
