//! Protobuf messages that a topology brings along: compiled from the text of its `.proto` files, and the columns of their fields.
//!
//! Owns [`DeclaredMessage`]. The text of files enters; a message leaves whose fields are columns, or the topic of one that has the envelope, or
//! the reason why not. Nothing is read from a disk: imports are among the files, or those that come with Protobuf itself and with this crate.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::column::{DeclaredColumn, MEMBER_SEPARATOR};
use super::envelope::{EnvelopeError, OPTIONS_FILE, OPTIONS_TEXT, enveloped_topic, has_envelope};
use super::enveloped::EnvelopedTopic;

/// Protobuf's message of an instant, which is a column, and the file that it comes in.
const TIMESTAMP_MESSAGE: &str = "google.protobuf.Timestamp";
const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";
/// The most fields that are looked at for columns: a few messages inside of one another have any number of them.
const FIELDS_SEEN_MAX: usize = 10_000;
/// The most messages around a field that is a column.
const MESSAGE_DEPTH_MAX: usize = 16;
/// Digits of an unsigned number of 64 bits.
const UNSIGNED_DIGITS: u8 = 20;

/// The text of a `.proto` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtoFile {
    /// its name, by which others import it
    pub name: String,
    /// its text
    pub text: String,
}

/// Reason why there is no such message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// a file is wrong, or imports one that is not there
    #[error("{detail}")]
    NotCompiled {
        /// the compiler's words, with the file and the line
        detail: String,
    },
    /// the file has other messages
    #[error("the file has no message '{message}'")]
    Unknown {
        /// the message
        message: String,
        /// those of the files
        known: Vec<String>,
    },
    /// no field of it can be a column
    #[error("no field of '{message}' is a number, a text, a truth value, bytes, an enumeration, a time or a list of such")]
    NoColumns {
        /// the message
        message: String,
    },
    /// it has more fields in its messages than anybody declares
    #[error("the message '{message}' has more than {FIELDS_SEEN_MAX} fields, with those of the messages inside of it")]
    TooManyFields {
        /// the message
        message: String,
    },
    /// it is meant to have the envelope, and has another one
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Events that are messages of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageEvents {
    /// with the envelope
    Enveloped(Arc<EnvelopedTopic>),
    /// without it: the fields are the columns
    Plain(DeclaredMessage),
}

/// A `.proto` file that was compiled, with everything that it imports; copies share it.
#[derive(Clone, Debug)]
pub struct CompiledFile(DescriptorPool);

/// A message and those of its fields that are columns, in the order of their numbers.
#[derive(Clone)]
pub struct DeclaredMessage {
    pub(crate) descriptor: MessageDescriptor,
    pub(crate) fields: Vec<MessageField>,
}

/// A field that is a column: of the message itself, or of one inside of it.
#[derive(Clone)]
pub(crate) struct MessageField {
    /// the fields whose messages are around it, from the outside
    pub(crate) around: Vec<FieldDescriptor>,
    pub(crate) field: FieldDescriptor,
    /// its path, such as `buyer.name`
    pub(crate) path: String,
}

/// The fields of a message that are columns, and how many were looked at.
#[derive(Default)]
struct FoundFields {
    fields: Vec<MessageField>,
    seen: usize,
}

impl FoundFields {
    /// Adds those of a message inside of others. One that is inside of itself has no columns there: nobody knows how often.
    fn add(&mut self, message: &MessageDescriptor, around: &mut Vec<FieldDescriptor>) {
        let mut fields: Vec<FieldDescriptor> = message.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        for field in fields {
            self.seen += 1;
            if self.seen > FIELDS_SEEN_MAX {
                return;
            }
            if data_type(&field).is_some() {
                let names: Vec<&str> = around.iter().chain([&field]).map(FieldDescriptor::name).collect();
                let path = names.join(&MEMBER_SEPARATOR.to_string());
                self.fields.push(MessageField { around: around.clone(), field, path });
            } else if around.len() < MESSAGE_DEPTH_MAX
                && let Some(inside) = inside(&field).filter(|inside| !is_within(inside, message, around))
            {
                around.push(field);
                self.add(&inside, around);
                around.pop();
            }
        }
    }
}

/// The message that a field holds, whose fields may be columns; those of Protobuf itself have other meanings than their fields.
fn inside(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(inside) if !field.is_list() && !field.is_map() && !field.is_group() => {
            Some(inside).filter(|inside| !inside.full_name().starts_with("google.protobuf."))
        }
        _ => None,
    }
}

/// Returns true if a message is the one that holds it, or is around that.
fn is_within(inside: &MessageDescriptor, message: &MessageDescriptor, around: &[FieldDescriptor]) -> bool {
    inside == message || around.iter().any(|field| field.parent_message() == inside)
}

/// Files that import one another by their names.
struct InlineFiles(Vec<ProtoFile>);

impl FileResolver for InlineFiles {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|file| file.name == name) {
            Some(file) => File::from_source(name, &file.text),
            None if name == OPTIONS_FILE => File::from_source(name, OPTIONS_TEXT),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

impl CompiledFile {
    /// One of the files, with everything that it imports.
    pub fn compile(files: &[ProtoFile], location: &str) -> Result<Self, MessageError> {
        let mut resolver = ChainFileResolver::new();
        resolver.add(InlineFiles(files.to_vec()));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        // The debug form of these errors has the file and the line.
        compiler.open_file(location).map_err(|error| MessageError::NotCompiled { detail: format!("{error:?}") })?;
        Ok(Self(compiler.descriptor_pool()))
    }

    /// The events of a topic that are messages of this full name.
    pub fn events(&self, message: &str, topic: &str) -> Result<MessageEvents, MessageError> {
        let descriptor = self.descriptor(message)?;
        match has_envelope(&descriptor) {
            true => Ok(MessageEvents::Enveloped(Arc::new(enveloped_topic(&descriptor, topic)?))),
            false => self.message(message).map(MessageEvents::Plain),
        }
    }

    /// Returns true if the file of this name, itself compiled or imported, declares the message of this full name.
    pub fn declares(&self, file: &str, message: &str) -> bool {
        self.0.get_message_by_name(message).is_some_and(|message| message.parent_file().name() == file)
    }

    /// The full names of the messages of the file and of all that it imports, but for those of Protobuf itself.
    pub fn names(&self) -> Vec<String> {
        let own = self.0.all_messages().filter(|message| !message.full_name().starts_with("google.protobuf."));
        own.map(|message| message.full_name().to_owned()).collect()
    }

    fn descriptor(&self, message: &str) -> Result<MessageDescriptor, MessageError> {
        let unknown = || MessageError::Unknown { message: message.to_owned(), known: self.names() };
        self.0.get_message_by_name(message).ok_or_else(unknown)
    }

    /// The message of this full name, whatever its fields are called.
    pub fn message(&self, message: &str) -> Result<DeclaredMessage, MessageError> {
        let descriptor = self.descriptor(message)?;
        let mut found = FoundFields::default();
        found.add(&descriptor, &mut Vec::new());
        let FoundFields { fields, seen } = found;
        match fields.is_empty() {
            _ if seen > FIELDS_SEEN_MAX => Err(MessageError::TooManyFields { message: message.to_owned() }),
            true => Err(MessageError::NoColumns { message: message.to_owned() }),
            false => Ok(DeclaredMessage { descriptor, fields }),
        }
    }
}

impl DeclaredMessage {
    /// The message of this full name in one of the files, with everything that it imports.
    pub fn compile(files: &[ProtoFile], location: &str, message: &str) -> Result<Self, MessageError> {
        CompiledFile::compile(files, location)?.message(message)
    }

    /// The full name of the message.
    pub fn name(&self) -> &str {
        self.descriptor.full_name()
    }

    /// The columns, one for each field that can be one. A field without presence is never NULL: it has its default.
    pub fn columns(&self) -> Vec<DeclaredColumn> {
        let column = |MessageField { around, field, path }: &MessageField| {
            // A message inside may be missing.
            let nullable = field.supports_presence() || !around.is_empty();
            Some(DeclaredColumn::plain(path, data_type(field)?, nullable))
        };
        self.fields.iter().filter_map(column).collect()
    }

    /// The text of a column that is a text and that a message does not have: none, or the first value of an enumeration.
    pub(crate) fn default_text(&self, column: usize) -> String {
        match self.fields[column].field.kind() {
            Kind::Enum(of) => of.default_value().name().to_owned(),
            _ => String::new(),
        }
    }

    /// The number on the wire of each column, and what its values mean.
    pub fn wire(&self) -> Vec<(u32, String)> {
        let number = |field: &FieldDescriptor| format!("{}.", field.number());
        let wire = |MessageField { around, field, .. }: &MessageField| {
            (field.number(), around.iter().map(number).collect::<String>() + &kind_text(&field.kind()))
        };
        self.fields.iter().map(wire).collect()
    }
}

/// Messages are equal that read the same bytes into the same columns.
impl PartialEq for DeclaredMessage {
    fn eq(&self, other: &Self) -> bool {
        (self.name(), self.columns(), self.wire()) == (other.name(), other.columns(), other.wire())
    }
}

impl Eq for DeclaredMessage {}

impl fmt::Debug for DeclaredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeclaredMessage").field(&self.name()).finish()
    }
}

/// The type of a field's column; `None` for fields that stay in the log and are no columns: messages, maps and groups.
fn data_type(field: &FieldDescriptor) -> Option<DataType> {
    if field.is_map() {
        return None;
    }
    let item = match field.kind() {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => DataType::Int32,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint32 | Kind::Fixed32 => DataType::Int64,
        Kind::Uint64 | Kind::Fixed64 => DataType::Decimal128(UNSIGNED_DIGITS, 0),
        Kind::Float | Kind::Double => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::String | Kind::Enum(_) => DataType::Utf8,
        Kind::Bytes => DataType::Binary,
        Kind::Message(message) if is_timestamp(&message) => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        Kind::Message(_) => return None,
    };
    Some(if field.is_list() { DataType::new_list(item, true) } else { item })
}

/// Another message of that name would have other fields.
fn is_timestamp(message: &MessageDescriptor) -> bool {
    message.full_name() == TIMESTAMP_MESSAGE && message.parent_file().name() == TIMESTAMP_FILE
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Enum(of) => format!("enum {}", values(of).join(" ")),
        other => format!("{other:?}"),
    }
}

fn values(of: &EnumDescriptor) -> Vec<String> {
    of.values().map(|value| format!("{}={}", value.name(), value.number())).collect()
}
