mod places;
mod queue;
