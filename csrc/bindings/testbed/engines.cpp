// What the client engine is made of, one by one, and what its runtime tells and does for nobody but
// tests.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "bindings/engines/direction.hpp"
#include "bindings/engines/runtime_handle.hpp"
#include "bindings/testbed/bind.hpp"
#include "bindings/values/without_gil.hpp"
#include "client/backoff.hpp"
#include "client/progress.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

void bind_backoff(py::module_& m) {
    using client::Backoff;
    using client::BackoffParameters;
    py::class_<Backoff>(m, "Backoff")
        .def(py::init([](std::int64_t initial, std::int64_t max, std::int64_t multiplier,
                         std::int64_t divisor) {
            return Backoff(BackoffParameters{initial, max, multiplier, divisor});
        }))
        .def(
            "update",
            [](Backoff& b, int reason, std::optional<std::array<std::int64_t, 4>> p) {
                std::optional<BackoffParameters> parameters;
                if (p)
                    parameters = BackoffParameters{(*p)[0], (*p)[1], (*p)[2], (*p)[3]};
                b.update(reason, parameters);
            },
            py::arg("reason"), py::arg("parameters") = std::nullopt)
        .def(
            "delay",
            [](Backoff& b, std::uint64_t seed) {
                client::Random random(seed);
                return b.delay(random);
            },
            py::arg("seed") = 0)
        .def("reset", &Backoff::reset);
}

// Growing reports, to measure what one costs: how many calls they make in all.
std::size_t make_reports(client::Notifiers& notifiers, std::size_t count) {
    std::size_t made = 0;
    for (std::size_t n = 1; n <= count; ++n) {
        std::vector<client::Notifiers::Call> calls;
        notifiers.update({n, count, n, count, 0.5, 0.5, n, 0}, calls);
        made += calls.size();
    }
    return made;
}

void bind_notifiers(py::module_& m) {
    using client::Notifiers;
    py::class_<Notifiers>(m, "ProgressNotifiers")
        .def(py::init<>())
        .def(
            "add",
            [](Notifiers& n, const std::string& direction, bool streaming,
               std::int64_t pending_query) {
                const auto r = n.add(to_direction(direction), streaming, pending_query);
                return py::make_tuple(r.token,
                                      r.call ? py::object(call_tuple(*r.call)) : py::none());
            },
            py::arg("direction"), py::arg("streaming"), py::arg("pending_query") = 0)
        .def("remove", &Notifiers::remove)
        .def("make_reports", &make_reports, py::arg("count"))
        .def("set_local_version", &Notifiers::set_local_version)
        .def(
            "update",
            [](Notifiers& n, std::pair<std::uint64_t, std::uint64_t> upload,
               std::pair<std::uint64_t, std::uint64_t> download, double upload_estimate,
               double download_estimate, std::uint64_t snapshot, std::int64_t query_version) {
                std::vector<Notifiers::Call> calls;
                n.update({upload.first, upload.second, download.first, download.second,
                          upload_estimate, download_estimate, snapshot, query_version},
                         calls);
                py::list result;
                for (const auto& call : calls)
                    result.append(py::make_tuple(call.token, call_tuple(call)));
                return result;
            },
            py::kw_only(), py::arg("upload") = std::pair<std::uint64_t, std::uint64_t>{},
            py::arg("download") = std::pair<std::uint64_t, std::uint64_t>{},
            py::arg("upload_estimate") = 1.0, py::arg("download_estimate") = 1.0,
            py::arg("snapshot") = 1, py::arg("query_version") = 0);
}

void simulate_error(ClientHandle& self, std::uint64_t session, std::int32_t status,
                    const std::string& message, bool fatal, const std::string& action) {
    client::Failure failure;
    failure.status = status;
    failure.message = message;
    failure.fatal = fatal;
    if (action != client::to_string(client::Action::none)) // which no server sends
        failure.action = client::parse_action(action);
    WithoutGil unlocked;
    self.runtime().with(session, [&](client::SyncSession& s) { s.report_error(failure); });
}

std::size_t connection_count(ClientHandle& self) {
    WithoutGil unlocked;
    return self.runtime().call(
        [](client::Client& c, std::int64_t) { return c.connection_count(); });
}

std::uint64_t client_visits(ClientHandle& self) {
    WithoutGil unlocked;
    return self.runtime().call([](client::Client& c, std::int64_t) { return c.visits(); });
}

std::uint64_t server_visits(ServerHandle& self) { return self.runtime().visits(); }

} // namespace

void bind_engines(py::module_& m) {
    bind_backoff(m);
    bind_notifiers(m);
    m.def("simulate_error", &simulate_error, py::arg("runtime"), py::arg("session"),
          py::arg("status"), py::arg("message"), py::arg("fatal"), py::arg("action"));
    m.def("connection_count", &connection_count, py::arg("runtime"));
    m.def("visits", &client_visits, py::arg("runtime"));
    m.def("visits", &server_visits, py::arg("runtime"));
}

} // namespace realmsync::bindings::testbed
