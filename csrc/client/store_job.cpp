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
    StoreOutcome operator()(const ReceivedDownload& task) {
        // Messages are queued before their predecessors are stored: after a failure there is a gap.
        if (store.state().progress.download != task.previous)
            return IntegrationSkipped{};
        auto opened = DownloadReader::open(task);
        if (auto* reader = std::get_if<DownloadReader>(&opened))
            return integrate_all(*reader);
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
        if (state)
            return Integrated{*state};
        const bool progress = state.error().kind == ErrorKind::bad_progress;
        return IntegrationFailed{progress ? wire::Code::bad_progress : wire::Code::bad_changeset,
                                 std::move(state.error().message)};
    }
    StoreOutcome integrate(IntegrationFailed failed) { return failed; }
    StoreOutcome integrate(TooLarge too_large) { return too_large; }
};

} // namespace

StoreResult run(StoreJob job, ClientStore& store, const std::atomic<bool>* stop) {
    const auto work = static_cast<StoreWork>(job.task.index());
    StoreResult result{job.sync_session, job.from, 0, StoreFailed{}};
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
            result.outcome = StoreFailed{work, e.may_pass(), e.what()};
    } catch (const std::bad_alloc& e) {
        result.outcome = StoreFailed{work, true, e.what()};
    } catch (const std::system_error& e) {
        result.outcome = StoreFailed{work, true, e.what()};
    } catch (const std::exception& e) {
        if (download)
            result.outcome = IntegrationFailed{wire::Code::other_session_error, e.what()};
        else
            result.outcome = StoreFailed{work, false, e.what()};
    }
    return result;
}

} // namespace realmsync::client
