//! How many pages may follow at once: in all, from one address, and for one place.

use std::net::IpAddr;

use crate::descriptors;
use crate::error::{Error, Result};
use crate::limits::{MAX_STREAMS, MAX_STREAMS_PER_ADDRESS, MAX_STREAMS_PER_PLACE};
use crate::occupancy::{Occupancy, Seat};
use crate::rate::bucket;

/// All streams of this node.
pub struct Streams {
    addresses: Occupancy<u128>,
    places: Occupancy<i64>,
}

/// The right to one stream, until it is dropped.
pub struct StreamSeat {
    _address: Seat<u128>,
    _place: Option<Seat<i64>>,
}

impl Streams {
    /// `limited`: also those of one address.
    pub fn new(limited: bool) -> Streams {
        // A quarter of what may be open is for everybody else.
        let most = descriptors::most().map_or(MAX_STREAMS, |most| MAX_STREAMS.min(most / 4 * 3));
        let each = if limited { MAX_STREAMS_PER_ADDRESS } else { usize::MAX };
        Streams { addresses: Occupancy::new(most, each), places: Occupancy::new(usize::MAX, MAX_STREAMS_PER_PLACE) }
    }

    /// A stream for a client at this address; of strangers it is the place that they follow. 503 if there are as many as there may be.
    pub fn take(&self, address: Option<IpAddr>, place: Option<i64>) -> Result<StreamSeat> {
        let taken = match place {
            Some(place) => self.places.take(Some(place)).map(Some),
            None => Some(None),
        };
        let seat = taken.zip(self.addresses.take(address.map(bucket)));
        seat.map(|(place, address)| StreamSeat { _address: address, _place: place }).ok_or_else(|| Error::Unavailable {
            detail: "As many pages follow this as may at once. This page can be loaded again to see what has changed."
                .into(),
            retry_after: 30,
        })
    }
}
