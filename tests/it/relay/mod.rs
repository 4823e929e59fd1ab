//! Relays through both doors, beside upstreams that behave and that do not.

mod attacks;
mod bodies;
mod desk;
mod edges;
mod faults;
mod fields;
mod nodes;
mod pools;
mod same;
mod upstream;
mod ways;
