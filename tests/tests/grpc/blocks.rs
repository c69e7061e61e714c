//! The life of each kind of building block.

mod data;
mod ec2;
mod run;
