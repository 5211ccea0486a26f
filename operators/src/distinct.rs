use crate::Rows;
pub fn distinct<'s>(_rows: Rows<'s>) -> Rows<'s> { unimplemented!() }
