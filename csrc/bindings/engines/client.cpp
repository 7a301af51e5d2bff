// The client runtime for Python: plain numbers, text and bytes, no policy. The transport calls
// receive and next_message through the C functions of bridge.h; whoever has no transport passes
// bytes. The rest is for the sync package.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bindings/bind.hpp"
#include "bindings/engines/direction.hpp"
#include "bindings/engines/runtime_handle.hpp"
#include "bindings/engines/tuning.hpp"
#include "bindings/values/without_gil.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using client::Client;
using client::SyncSession;

using ClientClass = HandleClass<ClientHandle>;

client::StopPolicy parse_policy(const std::string& text) {
    if (text == "after-upload")
        return client::StopPolicy::after_changes_uploaded;
    if (text == "immediately")
        return client::StopPolicy::immediately;
    if (text == "never")
        return client::StopPolicy::live_indefinitely;
    throw py::value_error("no such stop policy: " + text);
}

// Calls that take the engine's mutex give the GIL away first: a worker never needs it, but another
// thread may hold the mutex while it waits for nothing but the processor.
template <class F> auto on_engine(ClientHandle& self, F&& use) {
    WithoutGil unlocked;
    return self.runtime().call(use);
}

template <class F> void on_session(ClientHandle& self, std::uint64_t session, F&& use) {
    WithoutGil unlocked;
    self.runtime().with(session, use);
}

void connected(ClientHandle& self, std::uint64_t socket, const std::string& protocol,
               std::int64_t now) {
    WithoutGil unlocked;
    self.runtime().connected(socket, protocol, now);
}

void connect_failed(ClientHandle& self, std::uint64_t socket, const std::string& failure,
                    int status, const std::string& message, std::int64_t now) {
    WithoutGil unlocked;
    self.runtime().connect_failed(socket, failure, status, message, now);
}

void closed(ClientHandle& self, std::uint64_t socket, std::optional<int> code,
            const std::string& reason, std::int64_t now) {
    WithoutGil unlocked;
    self.runtime().closed(socket, code, reason, now);
}

void receive(ClientHandle& self, std::uint64_t socket, std::string_view data, std::int64_t now) {
    WithoutGil unlocked;
    self.runtime().receive(socket, data, now);
}

void refuse(ClientHandle& self, std::uint64_t socket, std::string_view first_bytes,
            std::uint64_t size, std::int64_t now) {
    WithoutGil unlocked;
    self.runtime().refuse(socket, first_bytes, size, now);
}

void bind_connections(ClientClass& c) {
    c.def("deadline",
          [](ClientHandle& self) {
              WithoutGil unlocked;
              return self.runtime().deadline();
          })
        .def("connected", &connected, py::arg("conn"), py::arg("protocol"), py::arg("now_ms"))
        .def("connect_failed", &connect_failed, py::arg("conn"), py::arg("failure"),
             py::arg("status"), py::arg("message"), py::arg("now_ms"))
        .def("closed", &closed, py::arg("conn"), py::arg("close_code"), py::arg("reason"),
             py::arg("now_ms"))
        .def("receive", &receive, py::arg("conn"), py::arg("data"), py::arg("now_ms"))
        .def("refuse", &refuse, py::arg("conn"), py::arg("first_bytes"), py::arg("size"),
             py::arg("now_ms"));
}

wire::Mode mode_of(bool is_flexible) {
    return is_flexible ? wire::Mode::flexible : wire::Mode::partition;
}

std::uint64_t add_session(ClientHandle& self, std::shared_ptr<client::ClientStore> store,
                          std::string user, std::optional<std::string> partition, std::string url,
                          std::string token, bool verified, std::string settings,
                          const std::string& policy, bool cancel_waits, bool manual_reset,
                          bool is_fresh_copy, std::optional<bool> is_flexible,
                          std::uint64_t schema_version) {
    client::SyncSessionConfig config;
    config.user = std::move(user);
    config.terms.mode = mode_of(is_flexible.value_or(!partition));
    config.terms.partition = std::move(partition).value_or("");
    config.terms.is_fresh_copy = config.terms.is_after_reset = is_fresh_copy;
    config.terms.schema_version = schema_version;
    config.route = {std::move(url), std::move(token), verified};
    config.connection_settings = std::move(settings);
    config.stop_policy = parse_policy(policy);
    config.cancel_waits_on_nonfatal_error = cancel_waits;
    config.manual_client_reset = manual_reset;
    WithoutGil unlocked;
    return self.runtime().add_session(std::move(store), std::move(config));
}

py::tuple snapshot(ClientHandle& self, std::uint64_t session) {
    auto lifecycle = client::Lifecycle::inactive;
    auto connection = client::ConnectionState::disconnected;
    std::uint64_t ident = 0;
    on_session(self, session, [&](SyncSession& s) {
        lifecycle = s.state();
        connection = s.connection_state();
        ident = s.file_ident();
    });
    return py::make_tuple(static_cast<int>(lifecycle), name_of(connection), ident);
}

const char* name_of_phase(client::DownloadPhase phase) {
    switch (phase) {
    case client::DownloadPhase::waiting: return "waiting";
    case client::DownloadPhase::receiving: return "receiving";
    case client::DownloadPhase::applying: return "applying";
    case client::DownloadPhase::steady: break;
    }
    return "steady";
}

py::dict situation(ClientHandle& self, std::uint64_t session) {
    client::Situation s;
    on_engine(self, [&](Client& engine, std::int64_t now) {
        engine.with(session, now, [&](SyncSession& found) { s = found.situation(); });
    });
    return py::dict(
        py::arg("lifecycle") = static_cast<int>(s.lifecycle),
        py::arg("connection") = name_of(s.connection), py::arg("is_resetting") = s.is_resetting,
        py::arg("needs_refresh") = s.needs_refresh, py::arg("is_suspended") = s.is_suspended,
        py::arg("awaits_reconnect") = s.awaits_reconnect, py::arg("is_bound") = s.is_bound,
        py::arg("uploads_later") = s.uploads_later, py::arg("awaits_mark") = s.awaits_mark,
        py::arg("is_storing") = s.is_storing, py::arg("next_attempt_ms") = s.next_attempt_ms,
        py::arg("unanswered_ms") = s.unanswered_ms, py::arg("unsent_bytes") = s.unsent_bytes,
        py::arg("downloadable_bytes") = s.downloadable_bytes,
        py::arg("phase") = name_of_phase(s.phase), py::arg("error") = s.error);
}

std::optional<std::pair<std::int32_t, std::string>> end(ClientHandle& self, std::uint64_t session) {
    std::optional<std::pair<std::int32_t, std::string>> end;
    on_session(self, session, [&](SyncSession& s) {
        if (s.end())
            end = {s.end()->status, s.end()->message};
    });
    return end;
}

bool is_released(ClientHandle& self, std::uint64_t session) {
    bool released = true; // also when it is gone
    on_session(self, session, [&](SyncSession& s) { released = s.is_released(); });
    return released;
}

// The registry of sessions.
void bind_registry(ClientClass& c) {
    c.def("enable_multiplexing",
          [](ClientHandle& self, bool enabled) {
              return on_engine(self, [&](Client& engine, std::int64_t) {
                  return engine.enable_multiplexing(enabled);
              });
          })
        .def("add_session", &add_session, py::arg("store"), py::kw_only(), py::arg("user"),
             py::arg("partition"), py::arg("url"), py::arg("access_token") = "",
             py::arg("verified") = false, py::arg("connection_settings") = "",
             py::arg("stop_policy") = "after-upload", py::arg("cancel_waits") = false,
             py::arg("manual_reset") = false, py::arg("fresh_copy") = false,
             py::arg("flexible") = py::none(), py::arg("schema_version") = 0)
        .def("remove_session",
             [](ClientHandle& self, std::uint64_t session) {
                 WithoutGil unlocked;
                 self.runtime().remove_session(session);
             })
        .def("snapshot", &snapshot, py::arg("session"))
        .def("situation", &situation, py::arg("session"))
        .def("end", &end, py::arg("session"))
        .def("is_released", &is_released, py::arg("session"))
        .def("notify_network_change",
             [](ClientHandle& self) {
                 on_engine(self,
                           [](Client& engine, std::int64_t now) { engine.on_network_change(now); });
             })
        .def("shutdown", [](ClientHandle& self) {
            on_engine(self, [](Client& engine, std::int64_t now) { engine.shutdown(now); });
        });
}

// Starting and stopping one session.
void bind_control(ClientClass& c) {
    c.def("open_session",
          [](ClientHandle& self, std::uint64_t session) {
              on_session(self, session, [](SyncSession& s) { s.open(); });
          })
        .def(
            "revive",
            [](ClientHandle& self, std::uint64_t session, bool token_expired) {
                on_session(self, session, [&](SyncSession& s) { s.revive(token_expired); });
            },
            py::arg("session"), py::arg("token_expired") = false)
        .def(
            "resume",
            [](ClientHandle& self, std::uint64_t session, bool token_expired) {
                on_session(self, session, [&](SyncSession& s) { s.resume(token_expired); });
            },
            py::arg("session"), py::arg("token_expired") = false)
        .def("pause",
             [](ClientHandle& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.pause(); });
             })
        .def("force_close",
             [](ClientHandle& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) {
                     s.force_close(client::status::kOperationAborted, "");
                 });
             })
        .def("close_session",
             [](ClientHandle& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.close(); });
             })
        .def("set_stop_policy",
             [](ClientHandle& self, std::uint64_t session, const std::string& policy) {
                 const auto p = parse_policy(policy);
                 on_session(self, session, [&](SyncSession& s) { s.set_stop_policy(p); });
             })
        .def(
            "finish_reset",
            [](ClientHandle& self, std::uint64_t session, std::optional<bool> is_flexible) {
                std::optional<wire::Mode> mode;
                if (is_flexible)
                    mode = mode_of(*is_flexible);
                on_session(self, session, [&](SyncSession& s) { s.finish_reset(mode); });
            },
            py::arg("session"), py::arg("flexible") = py::none())
        .def(
            "fail_reset",
            [](ClientHandle& self, std::uint64_t session, const std::string& message) {
                on_session(self, session, [&](SyncSession& s) { s.fail_reset(message); });
            },
            py::arg("session"), py::arg("message"))
        .def("served_schema_version",
             [](ClientHandle& self, std::uint64_t session) {
                 std::optional<std::uint64_t> served;
                 on_session(self, session,
                            [&](SyncSession& s) { served = s.served_schema_version(); });
                 return served;
             })
        .def("migrate_schema",
             [](ClientHandle& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.migrate_schema(); });
             })
        .def("set_schema_version",
             [](ClientHandle& self, std::uint64_t session, std::uint64_t version) {
                 on_session(self, session, [&](SyncSession& s) { s.set_schema_version(version); });
             })
        .def("reconnect", [](ClientHandle& self, std::uint64_t session) {
            on_session(self, session, [](SyncSession& s) { s.reconnect(); });
        });
}

py::tuple add_notifier(ClientHandle& self, std::uint64_t session, const std::string& direction,
                       bool streaming, std::int64_t pending_query) {
    const auto d = to_direction(direction);
    client::Notifiers::Registration r{};
    on_session(self, session,
               [&](SyncSession& s) { r = s.add_notifier(d, streaming, pending_query); });
    return py::make_tuple(r.token, r.call ? py::object(call_tuple(*r.call)) : py::none());
}

// What the application waits for and watches.
void bind_watching(ClientClass& c) {
    c.def("wait",
          [](ClientHandle& self, std::uint64_t session, const std::string& direction) {
              const auto d = to_direction(direction);
              return on_engine(self, [&](Client& engine, std::int64_t now) {
                  return engine.wait(session, d, now);
              });
          })
        .def("add_notifier", &add_notifier, py::arg("session"), py::arg("direction"),
             py::arg("streaming"), py::arg("pending_query") = 0)
        .def("wait_for_set",
             [](ClientHandle& self, std::uint64_t session, std::int64_t version) {
                 return on_engine(self, [&](Client& engine, std::int64_t now) {
                     return engine.wait_for_set(session, version, now);
                 });
             })
        .def("remove_notifier", [](ClientHandle& self, std::uint64_t session, std::uint64_t token) {
            on_session(self, session, [&](SyncSession& s) { s.remove_notifier(token); });
        });
}

// What the account layer answers.
void bind_account(ClientClass& c) {
    c.def("set_access_token",
          [](ClientHandle& self, const std::string& user, const std::string& token) {
              on_engine(self, [&](Client& engine, std::int64_t now) {
                  engine.set_access_token(user, token, now);
              });
          })
        .def("keep_access_token",
             [](ClientHandle& self, const std::string& user, const std::string& token) {
                 on_engine(self, [&](Client& engine, std::int64_t now) {
                     engine.keep_access_token(user, token, now);
                 });
             })
        .def("token_refresh_failed",
             [](ClientHandle& self, std::uint64_t session, bool authentication, std::int32_t status,
                const std::string& message) {
                 on_session(self, session, [&](SyncSession& s) {
                     s.token_refresh_failed(authentication, status, message);
                 });
             })
        .def("set_route",
             [](ClientHandle& self, std::uint64_t session, std::string url, std::string token,
                bool verified) {
                 const client::Route route{std::move(url), std::move(token), verified};
                 on_engine(self, [&](Client& engine, std::int64_t now) {
                     engine.set_route(session, route, now);
                 });
             })
        .def("log_out", [](ClientHandle& self, const std::string& user) {
            on_engine(self, [&](Client& engine, std::int64_t now) { engine.log_out(user, now); });
        });
}

} // namespace

void bind_client(py::module_& m) {
    py::class_<client::ClientStore, std::shared_ptr<client::ClientStore>>(m, "ClientStore");
    m.def("keep", [](const py::object& object) { object.inc_ref(); });
    m.attr("connect_timeout_ms") = ClientTuning{}.connect_timeout_ms;
    ClientClass c(m, "ClientRuntime");
    c.def(py::init([](unsigned workers, std::uint64_t seed, const py::dict& tuning) {
              return OwnHandle<ClientHandle>(
                  new ClientHandle(workers, seed, to_tuning<ClientTuning>(tuning)));
          }),
          py::arg("workers") = 2, py::arg("seed") = 0, py::arg("tuning") = py::dict());
    bind_loop(c);
    bind_connections(c);
    bind_registry(c);
    bind_control(c);
    bind_watching(c);
    bind_account(c);
}

} // namespace realmsync::bindings
