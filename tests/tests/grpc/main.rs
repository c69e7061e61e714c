//! The provider as the engine calls it, against moto. One program, so that the provider and moto are linked and started once.

mod blocks;
mod kinds;
mod protocol;
