//! Protobuf messages that a topology brings along: compiled from the text of its `.proto` files, and the columns of their fields.
//!
//! Owns [`DeclaredMessage`]. The text of files enters; a message leaves whose fields are columns, or the reason why not. Nothing is read from a
//! disk: imports are among the files, or those that come with Protobuf itself.

use std::fmt;

use arrow_schema::{DataType, TimeUnit};
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::column::{DeclaredColumn, TextForm};

/// Protobuf's message of an instant, which is a column, and the file that it comes in.
const TIMESTAMP_MESSAGE: &str = "google.protobuf.Timestamp";
const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";
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
        /// the compiler's words
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
}

/// A `.proto` file that was compiled, with everything that it imports; copies share it.
#[derive(Clone, Debug)]
pub struct CompiledFile(DescriptorPool);

/// A message and those of its fields that are columns, in the order of their numbers.
#[derive(Clone)]
pub struct DeclaredMessage {
    pub(crate) descriptor: MessageDescriptor,
    pub(crate) fields: Vec<FieldDescriptor>,
}

/// Files that import one another by their names.
struct InlineFiles(Vec<ProtoFile>);

impl FileResolver for InlineFiles {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|file| file.name == name) {
            Some(file) => File::from_source(name, &file.text),
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
        compiler.open_file(location).map_err(|error| MessageError::NotCompiled { detail: error.to_string() })?;
        Ok(Self(compiler.descriptor_pool()))
    }

    /// The message of this full name.
    pub fn message(&self, message: &str) -> Result<DeclaredMessage, MessageError> {
        let pool = &self.0;
        let Some(descriptor) = pool.get_message_by_name(message) else {
            let known = pool.all_messages().filter(|message| !message.full_name().starts_with("google.protobuf."));
            let known = known.map(|message| message.full_name().to_owned()).collect();
            return Err(MessageError::Unknown { message: message.to_owned(), known });
        };
        let mut fields: Vec<FieldDescriptor> = descriptor.fields().filter(|field| data_type(field).is_some()).collect();
        fields.sort_by_key(FieldDescriptor::number);
        match fields.is_empty() {
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
        let column = |field: &FieldDescriptor| {
            let data_type = data_type(field)?;
            let (name, nullable) = (field.name().to_owned(), field.supports_presence());
            Some(DeclaredColumn { name, data_type, nullable, form: TextForm::Plain })
        };
        self.fields.iter().filter_map(column).collect()
    }

    /// The text of a column that is a text and that a message does not have: none, or the first value of an enumeration.
    pub(crate) fn default_text(&self, column: usize) -> String {
        match self.fields[column].kind() {
            Kind::Enum(of) => of.default_value().name().to_owned(),
            _ => String::new(),
        }
    }

    /// The number on the wire of each column, and what its values mean.
    pub fn wire(&self) -> Vec<(u32, String)> {
        self.fields.iter().map(|field| (field.number(), kind_text(&field.kind()))).collect()
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
