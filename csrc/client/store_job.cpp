// What a worker does for a session.
#include "client/store_job.hpp"

#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "client/download.hpp"

namespace realmsync::client {

namespace {

struct Runner {
    ClientStore& store;
    const std::atomic<bool>* stop;

    StoreOutcome operator()(const ReadState& task) {
        return StateRead{store.state(), task.is_first && store.has_reset()};
    }
    StoreOutcome operator()(const StoreIdent& task) {
        return IdentStored{store.store_ident(task.file)};
    }
    StoreOutcome operator()(const FetchUpload& task) {
        return store.fetch_upload(task.from, task.limits);
    }
    StoreOutcome operator()(const ResumeBootstrap& task) {
        return SetsChanged{store.resume_bootstrap(task.limits, stop)};
    }
    StoreOutcome operator()(const ReadQuery&) { return store.active_query(); }
    StoreOutcome operator()(const CompleteSet& task) {
        return SetsChanged{store.complete_set(task.version)};
    }
    StoreOutcome operator()(const RejectSet& task) {
        auto state = store.reject_set(task.version, task.message);
        if (state)
            return SetsChanged{*state};
        return Violation{std::move(state.error().message)};
    }
    StoreOutcome operator()(const ReceivedDownload& task) {
        // Messages are queued before their predecessors are stored: after a failure there is a gap.
        if (store.state().progress.download != task.previous)
            return IntegrationSkipped{};
        auto opened = DownloadReader::open(task);
        if (auto* reader = std::get_if<DownloadReader>(&opened))
            return task.bootstrap ? bootstrap(task, *reader) : integrate_all(*reader);
        if (auto* violation = std::get_if<Violation>(&opened))
            return std::move(*violation);
        return std::get<TooLarge>(opened);
    }
    StoreOutcome integrate_all(DownloadReader& reader) {
        StoreOutcome outcome = IntegrationSkipped{};
        do
            outcome =
                std::visit([this](auto part) { return integrate(std::move(part)); }, reader.next());
        while (std::holds_alternative<Integrated>(outcome) && !reader.is_done());
        return outcome;
    }
    StoreOutcome integrate(Integration part) {
        part.stop = stop;
        auto state = store.integrate(std::move(part));
        return state ? StoreOutcome(Integrated{std::move(*state)})
                     : failure(std::move(state.error()));
    }
    StoreOutcome bootstrap(const ReceivedDownload& task, DownloadReader& reader) {
        auto state = store.take_bootstrap(task, reader, stop);
        if (state)
            return Integrated{std::move(*state)};
        if (state.error().kind == ErrorKind::bad_message)
            return Violation{std::move(state.error().message)};
        if (state.error().kind == ErrorKind::limit_exceeded)
            return too_many_instructions(task.limits);
        return failure(std::move(state.error()));
    }
    static StoreOutcome failure(Error error) {
        const bool progress = error.kind == ErrorKind::bad_progress;
        return IntegrationFailed{progress ? wire::Code::bad_progress : wire::Code::bad_changeset,
                                 std::move(error.message)};
    }
    StoreOutcome integrate(IntegrationFailed failed) { return failed; }
    StoreOutcome integrate(TooLarge too_large) { return too_large; }
};

} // namespace

StoreResult run(StoreJob job, ClientStore& store, const std::atomic<bool>* stop) {
    const auto work = static_cast<StoreWork>(job.task.index());
    StoreResult result{job.sync_session, job.from, work, 0, StoreFailed{}};
    const auto* download = std::get_if<ReceivedDownload>(&job.task);
    if (download)
        result.charge = download->charge;
    try {
        result.outcome = std::visit(Runner{store, stop}, job.task);
        if (download && !std::holds_alternative<Integrated>(result.outcome))
            result.state = store.state();
    } catch (const StoreError& e) {
        if (download && !e.may_pass() && !e.is_damage()) // the changeset's fault, not the machine's
            result.outcome = IntegrationFailed{wire::Code::other_session_error, e.what()};
        else
            result.outcome = StoreFailed{e.may_pass(), e.what()};
    } catch (const std::bad_alloc& e) {
        result.outcome = StoreFailed{true, e.what()};
    } catch (const std::system_error& e) {
        result.outcome = StoreFailed{true, e.what()};
    } catch (const std::exception& e) {
        if (download)
            result.outcome = IntegrationFailed{wire::Code::other_session_error, e.what()};
        else
            result.outcome = StoreFailed{false, e.what()};
    }
    return result;
}

} // namespace realmsync::client
