// The graph of objects that are asked about alone: no link leads anywhere. For queries that follow
// none.
#pragma once

#include "query/values/image.hpp"

namespace realmsync::query {

class NoObjects final : public Graph {
  public:
    const Image* target(const model::Class&, const Key&) override { return nullptr; }
    void sources(const model::Class&, std::size_t, const Image&,
                 const std::function<bool(const Image&)>&) override {}
};

} // namespace realmsync::query
