//! The service `Auth` (`v3rpc/auth.go`): the users and roles of the backup. Nobody has to log in.

use std::sync::Arc;

use hyper::body::Bytes;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Etcd,
    error::{auth_not_enabled, role_not_found, user_not_found},
    proto::{
        authpb::{Permission, permission::Type},
        etcdserverpb::{
            AuthRoleGetRequest, AuthRoleGetResponse, AuthRoleListRequest, AuthRoleListResponse, AuthStatusRequest,
            AuthStatusResponse, AuthUserGetRequest, AuthUserGetResponse, AuthUserListRequest, AuthUserListResponse,
            AuthenticateRequest, AuthenticateResponse, auth_server::Auth,
        },
    },
};
use crate::etcd::state::PermissionKind;

#[async_trait]
impl Auth for Arc<Etcd> {
    async fn auth_status(&self, _: Request<AuthStatusRequest>) -> Result<Response<AuthStatusResponse>, Status> {
        let auth = &self.snapshot.state.auth;
        let auth_revision = auth.revision.unwrap_or(1);
        Ok(Response::new(AuthStatusResponse { header: self.fill(None), enabled: auth.enabled, auth_revision }))
    }

    async fn authenticate(&self, _: Request<AuthenticateRequest>) -> Result<Response<AuthenticateResponse>, Status> {
        // so clients go on without a token
        Err(auth_not_enabled())
    }

    async fn user_list(&self, _: Request<AuthUserListRequest>) -> Result<Response<AuthUserListResponse>, Status> {
        self.intact()?;
        let users = self.snapshot.state.auth.users.iter().map(|user| user.name.clone()).collect();
        Ok(Response::new(AuthUserListResponse { header: self.fill(None), users }))
    }

    async fn user_get(&self, request: Request<AuthUserGetRequest>) -> Result<Response<AuthUserGetResponse>, Status> {
        self.intact()?;
        let (name, mut users) = (request.into_inner().name, self.snapshot.state.auth.users.iter());
        let user = users.find(|user| user.name == name).ok_or_else(user_not_found)?;
        Ok(Response::new(AuthUserGetResponse { header: self.fill(None), roles: user.roles.clone() }))
    }

    async fn role_list(&self, _: Request<AuthRoleListRequest>) -> Result<Response<AuthRoleListResponse>, Status> {
        self.intact()?;
        let roles = self.snapshot.state.auth.roles.iter().map(|role| role.name.clone()).collect();
        Ok(Response::new(AuthRoleListResponse { header: self.fill(None), roles }))
    }

    async fn role_get(&self, request: Request<AuthRoleGetRequest>) -> Result<Response<AuthRoleGetResponse>, Status> {
        self.intact()?;
        let (name, mut roles) = (request.into_inner().role, self.snapshot.state.auth.roles.iter());
        let role = roles.find(|role| role.name == name).ok_or_else(role_not_found)?;
        let permission = |of: &crate::etcd::state::Permission| Permission {
            perm_type: match of.kind {
                PermissionKind::Read => Type::Read,
                PermissionKind::Write => Type::Write,
                PermissionKind::ReadWrite => Type::Readwrite,
            } as i32,
            key: Bytes::copy_from_slice(&of.key),
            range_end: Bytes::copy_from_slice(&of.range_end),
        };
        let perm = role.permissions.iter().map(permission).collect();
        Ok(Response::new(AuthRoleGetResponse { header: self.fill(None), perm }))
    }
}
