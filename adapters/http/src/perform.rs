//! One call of the store.

/// Makes the call of a [`Step`](crate::exchange::Step), and ends the function with what is done or has failed. The third argument
/// is `await` for the asynchronous store.
macro_rules! perform {
    ($store:expr, $step:expr $(, $await:tt)?) => {
        match $step {
            Step::State(id) => Reply::State($store.info(&id)$(.$await)? ?.state()),
            Step::Create(data, attributes) => {
                Reply::Created($store.create(data, &attributes)$(.$await)? ?)
            }
            Step::Save(mut session) => {
                Reply::Saved($store.save(&mut session)$(.$await)? ?, session)
            }
            Step::Update(id, mut changes) => {
                let apply = |data: &mut T| changes.iter_mut().for_each(|change| change(data));
                Reply::Updated($store.update(&id, apply)$(.$await)? ?, changes)
            }
            Step::Check(session) => {
                // The store looks at the data first. No session has this id.
                let unused = SessionId::generate()?;
                let unchanged = Lifetime::unchanged();
                $store.overwrite(&unused, &session.data, &unchanged)$(.$await)? ?;
                Reply::Checked(session)
            }
            Step::LogIn(mut session, user_id, attributes) => {
                let outcome = $store.login(&mut session, &user_id, &attributes)$(.$await)? ?;
                Reply::Rotated(outcome, session)
            }
            Step::Rotate(mut session, grace) => {
                Reply::Rotated($store.rotate(&mut session, grace)$(.$await)? ?, session)
            }
            Step::Touch(session) => {
                let is_live = $store.touch(session.id())$(.$await)? ?.is_some();
                Reply::Touched(is_live, session)
            }
            Step::End(id) => {
                $store.end(&id)$(.$await)? ?;
                Reply::Ended
            }
            Step::Done(finished) => return Ok(finished),
        }
    };
}

pub(crate) use perform;
