//! The wire around the zone.

use async_trait::async_trait;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::proto::serialize::binary::BinEncodable;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

use super::directory::Informed;
use super::upstream::Upstreams;
use super::zone::{Answer, DOMAIN, answer};

/// How long an answer holds, in seconds: what it says may change at any time.
const TTL: u32 = 5;

/// A chain of other names is followed so far.
const CHAIN: usize = 8;

/// No larger answers over UDP than pass every network unbroken (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;

/// Answers questions.
pub struct Handler {
    pub directory: Informed,
    pub upstreams: Upstreams,
}

/// What goes into a response.
#[derive(Default)]
struct Response {
    code: ResponseCode,
    is_authoritative: bool,
    is_truncated: bool,
    answers: Vec<Record>,
    authorities: Vec<Record>,
}

impl Response {
    fn failure(code: ResponseCode) -> Self {
        Self { code, ..Self::default() }
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut to: R) -> ResponseInfo {
        let Response { code, is_authoritative, is_truncated, answers, authorities } = self.respond(request).await;
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = code;
        metadata.authoritative = is_authoritative;
        metadata.recursion_available = true;
        metadata.truncation = is_truncated;
        let edns = request.edns.as_ref().map(|edns| {
            let mut ours = Edns::new();
            ours.set_max_payload(edns.max_payload().min(UDP_PAYLOAD));
            ours
        });
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, &answers, &authorities, [], []);
        to.send_response(response).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a response was not sent");
            ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
        })
    }
}

impl Handler {
    async fn respond(&self, request: &Request) -> Response {
        if request.metadata.op_code != OpCode::Query || request.metadata.message_type != MessageType::Query {
            return Response::failure(ResponseCode::NotImp);
        }
        let [query] = request.queries.queries() else { return Response::failure(ResponseCode::FormErr) };
        let (name, wanted) = (query.original().name.clone(), query.query_type());
        let over_tcp = request.protocol() != Protocol::Udp;
        match answer(&self.directory, &name, wanted) {
            Answer::Elsewhere => match self.upstreams.ask(request.as_slice(), over_tcp).await {
                Some(message) => Response {
                    code: message.metadata.response_code,
                    is_authoritative: false,
                    is_truncated: message.metadata.truncation,
                    answers: message.answers,
                    authorities: message.authorities,
                },
                None => Response::failure(ResponseCode::ServFail),
            },
            Answer::NoName => {
                Response { code: ResponseCode::NXDomain, is_authoritative: true, authorities: authority(), ..Response::default() }
            }
            Answer::NoData => Response { is_authoritative: true, authorities: authority(), ..Response::default() },
            Answer::Records(records) => {
                let answers = self.follow(name, wanted, records, over_tcp).await;
                Response { is_authoritative: true, answers, ..Response::default() }
            }
        }
    }

    /// Adds what other names stand for: a simple resolver does not ask for it.
    async fn follow(&self, mut name: Name, wanted: RecordType, mut records: Vec<RData>, over_tcp: bool) -> Vec<Record> {
        let mut answers = Vec::new();
        for _ in 0..CHAIN {
            let target = match records.as_slice() {
                [RData::CNAME(target)] if wanted != RecordType::CNAME => Some(target.0.clone()),
                _ => None,
            };
            answers.extend(records.drain(..).map(|data| Record::from_rdata(name.clone(), TTL, data)));
            let Some(target) = target else { break };
            match answer(&self.directory, &target, wanted) {
                Answer::Records(found) => (name, records) = (target, found),
                Answer::Elsewhere => {
                    let found = match question(&target, wanted) {
                        Some(question) => self.upstreams.ask(&question, over_tcp).await,
                        None => None,
                    };
                    answers.extend(found.into_iter().flat_map(|message| message.answers));
                    break;
                }
                Answer::NoData | Answer::NoName => break,
            }
        }
        answers
    }
}

/// A question of our own, with an unforeseeable number. `None` if the name cannot be asked for.
fn question(name: &Name, wanted: RecordType) -> Option<Vec<u8>> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), wanted));
    message.to_bytes().ok()
}

/// What lets a resolver remember that there is nothing (RFC 2308).
fn authority() -> Vec<Record> {
    let name = |text: String| Name::from_ascii(text).expect("the domain is a name");
    let soa = SOA::new(name(format!("ns.dns.{DOMAIN}.")), name(format!("hostmaster.{DOMAIN}.")), 1, 7200, 1800, 86_400, TTL);
    vec![Record::from_rdata(name(format!("{DOMAIN}.")), TTL, RData::SOA(soa))]
}
